//! Our user's colour, used only where it can be read.

/// Whether the text is a colour in the one form that we take: `#rrggbb`.
pub(crate) fn is_color(text: &str) -> bool {
    channels(text).is_some()
}

/// The colour of writing on this one: black or white, whichever is easier to read. One of them always has the 4.5 : 1
/// that small writing needs.
pub(super) fn writing_on(color: &str) -> &'static str {
    let luminance = luminance(color);
    if contrast(luminance, 1.0) >= contrast(luminance, 0.0) {
        "#ffffff"
    } else {
        "#000000"
    }
}

/// The ratio of two luminances as WCAG counts it.
fn contrast(one: f64, other: f64) -> f64 {
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

fn luminance(color: &str) -> f64 {
    let linear = |channel: u8| {
        let part = f64::from(channel) / 255.0;
        if part <= 0.04045 {
            part / 12.92
        } else {
            ((part + 0.055) / 1.055).powf(2.4)
        }
    };
    let [red, green, blue] = channels(color).unwrap_or_default().map(linear);
    0.2126 * red + 0.7152 * green + 0.0722 * blue
}

fn channels(text: &str) -> Option<[u8; 3]> {
    let digits = text.strip_prefix('#').filter(|digits| digits.len() == 6)?;
    let bytes = hex::decode(digits).ok()?;
    bytes.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_six_digits_are_a_colour() {
        assert!(is_color("#4A154b"));
        for text in [
            "",
            "4a154b",
            "#4a154",
            "#4a154bff",
            "#4a154g",
            "red",
            "#ää154",
            "#fff;}",
        ] {
            assert!(!is_color(text), "{text}");
        }
    }

    #[test]
    fn writing_can_be_read_on_every_colour() {
        for step in 0..=0xfff_u32 {
            let color = format!(
                "#{:02x}{:02x}{:02x}",
                (step >> 8) * 17,
                (step >> 4 & 15) * 17,
                (step & 15) * 17
            );
            let writing = luminance(writing_on(&color));
            assert!(contrast(luminance(&color), writing) >= 4.5, "{color}");
        }
        assert_eq!((writing_on("#4a154b"), writing_on("#ffd400")), ("#ffffff", "#000000"));
    }
}
