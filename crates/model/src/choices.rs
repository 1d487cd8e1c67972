//! On or off for each channel that somebody chose something for.

use crate::Channel;

/// What somebody chose: the channels that nothing was said of are left to others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Choices([Option<bool>; Channel::ALL.len()]);

impl Choices {
    /// The same choice for every channel.
    pub const fn all(on: bool) -> Self {
        Self([Some(on); Channel::ALL.len()])
    }

    /// What was chosen for this channel.
    pub fn get(&self, channel: Channel) -> Option<bool> {
        self.iter().find(|(known, _)| *known == channel).map(|(_, on)| on)
    }

    /// Chooses for a channel; nothing leaves it to others.
    pub fn set(&mut self, channel: Channel, on: Option<bool>) {
        for (place, known) in self.0.iter_mut().zip(Channel::ALL) {
            if *known == channel {
                *place = on;
            }
        }
    }

    /// The channels that something was chosen for.
    pub fn iter(&self) -> impl Iterator<Item = (Channel, bool)> {
        Channel::ALL
            .iter()
            .zip(self.0)
            .filter_map(|(channel, on)| Some((*channel, on?)))
    }

    /// Whether nothing was chosen.
    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }

    /// These choices with others on top.
    #[must_use]
    pub fn under(mut self, top: &Self) -> Self {
        for (channel, on) in top.iter() {
            self.set(channel, Some(on));
        }
        self
    }

    /// These choices without those that the others make.
    #[must_use]
    pub fn without(mut self, others: &Self) -> Self {
        for (channel, _) in others.iter() {
            self.set(channel, None);
        }
        self
    }
}

impl FromIterator<(Channel, bool)> for Choices {
    fn from_iter<T: IntoIterator<Item = (Channel, bool)>>(chosen: T) -> Self {
        let mut choices = Self::default();
        for (channel, on) in chosen {
            choices.set(channel, Some(on));
        }
        choices
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_choices_win_where_they_are_made() {
        let below = Choices::from_iter([(Channel::Email, false), (Channel::Sms, true)]);
        let top = Choices::from_iter([(Channel::Email, true)]);
        let both = below.under(&top);
        assert_eq!(
            both.iter().collect::<Vec<_>>(),
            [(Channel::Email, true), (Channel::Sms, true)]
        );
        assert_eq!(both.without(&top), Choices::from_iter([(Channel::Sms, true)]));
        assert!(Choices::default().is_empty() && Choices::all(false).get(Channel::Push) == Some(false));
    }
}
