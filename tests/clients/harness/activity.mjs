// What happened to a trigger, read as a support engineer would: from the activity feed.
import assert from 'node:assert/strict';
import { dataOf } from './http.mjs';
import { eventually } from './process.mjs';

const UNFINISHED = new Set(['pending', 'queued', 'running', 'delayed']);

export async function notificationsOf(api, { transactionId }) {
  return dataOf(await api.get(`/v1/notifications?transactionId=${encodeURIComponent(transactionId)}&limit=50`));
}

const stepsOf = (notification) => notification.jobs.filter((job) => job.type !== 'trigger');

/** The story of one notification: its steps in order, with their statuses and the texts of their traces. */
export function story(notification) {
  const steps = stepsOf(notification);
  return {
    notification,
    steps,
    statuses: steps.map((job) => job.status),
    details: steps.flatMap((job) => job.executionDetails.map((line) => line.detail)),
    raw: steps.flatMap((job) => job.executionDetails.map((line) => line.raw ?? '')).join('\n'),
  };
}

/** Waits until `count` notifications of this event have come to their end, and returns their stories. */
export function finished(api, event, count = 1) {
  return eventually(async () => {
    const notifications = await notificationsOf(api, event);
    assert.equal(notifications.length, count);
    for (const notification of notifications) {
      const open = stepsOf(notification).filter((job) => UNFINISHED.has(job.status));
      assert.deepEqual(open.map((job) => job.status), []);
      assert.ok(stepsOf(notification).length > 0);
    }
    return notifications.map(story);
  });
}

/** Waits until the steps of this event's only notification have these statuses. */
export function reaches(api, event, statuses) {
  return eventually(async () => {
    const [notification] = await notificationsOf(api, event);
    assert.ok(notification, 'the event has a notification');
    const told = story(notification);
    assert.deepEqual(told.statuses, statuses);
    return told;
  });
}

export async function messagesOf(api, { transactionId }) {
  return dataOf(await api.get(`/v1/messages?transactionId=${encodeURIComponent(transactionId)}&limit=100`));
}
