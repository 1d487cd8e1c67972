//! Activities that the Bot Connector sends for an app in Teams. Sources: learn.microsoft.com, "Conversation events in
//! your Teams bot" and "Installation update event".

use campanile_model::Result;
use campanile_store::Batch;
use serde_json::Value;

use super::{Incoming, Judged, Named, Origin, nothing_to_say, openid};

const REMOVED_FROM_TEAM: &str =
    "The app was removed from this team in Microsoft Teams. It must be installed there again.";
const REMOVED_BY_USER: &str = "The user removed the app in Microsoft Teams. It must be installed for them again.";
const CHANNEL_DELETED: &str = "The channel was deleted in Microsoft Teams.";
const TEAM_DELETED: &str = "The team was deleted in Microsoft Teams.";
const TEAM_ARCHIVED: &str = "The team was archived in Microsoft Teams.";

/// Where an activity comes from.
enum Scope<'a> {
    /// A user's own chat with the bot.
    User(&'a str),
    /// A team, under each id that it has.
    Team(Vec<&'a str>),
}

pub(super) async fn receive(origin: &Origin<'_>, incoming: &Incoming<'_>) -> Result<Option<Value>> {
    let authorization = (incoming.header)("authorization").unwrap_or_default();
    let token = authorization.strip_prefix("Bearer ").unwrap_or_default();
    let Ok(activity) = serde_json::from_slice::<Value>(incoming.body) else {
        return Ok(None);
    };
    let service_url = activity["serviceUrl"].as_str().unwrap_or_default();
    let wanted = openid::Wanted {
        audience: origin.credential("clientId").unwrap_or_default(),
        service_url,
        channel: activity["channelId"].as_str().unwrap_or_default(),
    };
    if !openid::is_service_url(&origin.connect.settings().bases, service_url)
        || !openid::is_proven(origin.connect, token, &wanted).await?
    {
        return Ok(None);
    }
    let mut batch = Batch::new();
    if let Some(tenant) = tenant(&activity) {
        let (store, ctx) = (origin.store(), origin.ctx());
        store
            .learn_teams_service_url(&mut batch, &ctx, wanted.audience, tenant, service_url)
            .await?;
        apply(origin, &activity, tenant, &mut batch).await?;
    }
    // One activity has one id in its conversation only.
    let event = activity["id"].as_str().map(|id| {
        let conversation = activity["conversation"]["id"].as_str().unwrap_or_default();
        let hash = ring::digest::digest(&ring::digest::SHA256, format!("{conversation} {id}").as_bytes());
        hex::encode(hash)
    });
    origin.commit(batch, event.as_deref()).await?;
    Ok(Some(nothing_to_say()))
}

fn tenant(activity: &Value) -> Option<&str> {
    let members = [
        &activity["channelData"]["tenant"]["id"],
        &activity["conversation"]["tenantId"],
    ];
    members.into_iter().find_map(Value::as_str).filter(|id| !id.is_empty())
}

fn scope(activity: &Value) -> Option<Scope<'_>> {
    let team = &activity["channelData"]["team"];
    let ids: Vec<&str> = [&team["id"], &team["aadGroupId"]]
        .into_iter()
        .filter_map(Value::as_str)
        .collect();
    if !ids.is_empty() {
        return Some(Scope::Team(ids));
    }
    let is_personal = activity["conversation"]["conversationType"] == "personal";
    let user = activity["from"]["aadObjectId"].as_str().filter(|_| is_personal)?;
    Some(Scope::User(user))
}

/// Whether the bot itself is among these members.
fn holds_bot(members: &Value, activity: &Value) -> bool {
    let bot = &activity["recipient"]["id"];
    bot.is_string()
        && members
            .as_array()
            .is_some_and(|members| members.iter().any(|member| member["id"] == *bot))
}

async fn apply(origin: &Origin<'_>, activity: &Value, tenant: &str, batch: &mut Batch) -> Result<()> {
    let Some(scope) = scope(activity) else { return Ok(()) };
    let workspaces = [tenant.to_owned()];
    let event = activity["channelData"]["eventType"].as_str().unwrap_or_default();
    let channel = activity["channelData"]["channel"]["id"].as_str();
    let removed = match scope {
        Scope::User(_) => REMOVED_BY_USER,
        Scope::Team(_) => REMOVED_FROM_TEAM,
    };
    let ended_by = |reason: &'static str| move |stands: &str| stands == reason;
    let back =
        |stands: &str| stands == removed || stands.contains("NotInConversationRoster") || stands.contains("`403`");
    let restored = ended_by(CHANNEL_DELETED);
    let unarchived = ended_by(TEAM_ARCHIVED);
    let rebuilt = ended_by(TEAM_DELETED);
    let judged = match (activity["type"].as_str().unwrap_or_default(), event) {
        ("installationUpdate", _) => match activity["action"].as_str().unwrap_or_default() {
            "remove" => Judged::Broken(removed),
            "add" => Judged::Mended { ends: &back },
            _ => return Ok(()),
        },
        ("conversationUpdate", "channelDeleted") => Judged::Broken(CHANNEL_DELETED),
        ("conversationUpdate", "channelRestored") => Judged::Mended { ends: &restored },
        ("conversationUpdate", "teamDeleted" | "teamHardDeleted") => Judged::Broken(TEAM_DELETED),
        ("conversationUpdate", "teamRestored") => Judged::Mended { ends: &rebuilt },
        ("conversationUpdate", "teamArchived") => Judged::Broken(TEAM_ARCHIVED),
        ("conversationUpdate", "teamUnarchived") => Judged::Mended { ends: &unarchived },
        ("conversationUpdate", _) if holds_bot(&activity["membersRemoved"], activity) => Judged::Broken(removed),
        ("conversationUpdate", _) if holds_bot(&activity["membersAdded"], activity) => Judged::Mended { ends: &back },
        _ => return Ok(()),
    };
    // What is told of a channel is about that one, everything else about the whole team.
    let only = channel.filter(|_| event.starts_with("channel"));
    let in_channel = |address: &Value| only.is_none_or(|channel| address["channelId"] == channel);
    let (kind, names) = match scope {
        Scope::User(user) => ("ms_teams_user", vec![user]),
        Scope::Team(ids) => ("ms_teams_channel", ids),
    };
    let place = Named {
        app_member: "clientId",
        kind,
        names: &names,
        workspaces: Some(&workspaces),
        is_meant: &in_channel,
    };
    origin.judge(batch, &place, &judged).await
}
