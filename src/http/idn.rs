//! Internationalized host names as DNS has them (RFC 5891): what is not ASCII in lower case and in
//! Punycode (RFC 3492), so that one name has one form however it was written down.

const BASE: u32 = 36;
const T_MIN: u32 = 1;
const T_MAX: u32 = 26;
const SKEW: u32 = 38;
const DAMP: u32 = 700;
const FIRST_BIAS: u32 = 72;
const FIRST_CODE: u32 = 128;

/// The host's form in ASCII and lower case; none where it has a character that no name has.
pub fn to_ascii(host: &str) -> Option<String> {
    if host.is_ascii() {
        return Some(host.to_ascii_lowercase());
    }
    let labels = host.split('.').map(|label| {
        let label = label.to_lowercase();
        // Marks of direction, signs and spaces are no part of a name.
        let is_letter = |c: char| c.is_alphanumeric() || c == '-' || is_mark(c);
        match (label.is_ascii(), label.chars().all(is_letter)) {
            (true, _) => Some(label),
            (false, true) => Some(format!("xn--{}", punycode(&label)?)),
            (false, false) => None,
        }
    });
    labels
        .collect::<Option<Vec<_>>>()
        .map(|labels| labels.join("."))
}

/// A combining mark, which is written over the letter before it.
fn is_mark(c: char) -> bool {
    matches!(
        c,
        '\u{300}'..='\u{36f}' | '\u{93c}' | '\u{94d}' | '\u{3099}' | '\u{309a}'
    )
}

/// Encodes one label (RFC 3492 section 6.3).
fn punycode(label: &str) -> Option<String> {
    let mut out: String = label.chars().filter(char::is_ascii).collect();
    let basic = u32::try_from(out.len()).ok()?;
    let (mut done, mut code, mut delta, mut bias) = (basic, FIRST_CODE, 0_u32, FIRST_BIAS);
    if basic > 0 {
        out.push('-');
    }
    let total = u32::try_from(label.chars().count()).ok()?;
    while done < total {
        let codes = label.chars().map(u32::from);
        let next = codes.filter(|other| *other >= code).min()?;
        delta = delta.checked_add((next - code).checked_mul(done + 1)?)?;
        code = next;
        for other in label.chars().map(u32::from) {
            if other < code {
                delta = delta.checked_add(1)?;
            }
            if other == code {
                push_number(&mut out, delta, bias);
                bias = adapt(delta, done + 1, done == basic);
                delta = 0;
                done += 1;
            }
        }
        delta += 1;
        code += 1;
    }
    Some(out)
}

/// Writes a number in digits whose weight follows the bias.
fn push_number(out: &mut String, mut number: u32, bias: u32) {
    let mut k = BASE;
    loop {
        let threshold = k.saturating_sub(bias).clamp(T_MIN, T_MAX);
        if number < threshold {
            return out.extend(char::from_digit(number, BASE).map(digit));
        }
        let rest = number - threshold;
        let value = threshold + rest % (BASE - threshold);
        out.extend(char::from_digit(value, BASE).map(digit));
        number = rest / (BASE - threshold);
        k += BASE;
    }
}

/// Punycode's digits are a to z and then 0 to 9; Rust's are the other way round.
fn digit(c: char) -> char {
    let value = u8::try_from(c.to_digit(BASE).unwrap_or(0)).unwrap_or(0);
    char::from(if value < 26 {
        b'a' + value
    } else {
        b'0' + value - 26
    })
}

fn adapt(delta: u32, points: u32, is_first: bool) -> u32 {
    let mut delta = if is_first { delta / DAMP } else { delta / 2 };
    delta += delta / points;
    let mut k = 0;
    while delta > ((BASE - T_MIN) * T_MAX) / 2 {
        delta /= BASE - T_MIN;
        k += BASE;
    }
    k + (BASE - T_MIN + 1) * delta / (delta + SKEW)
}

#[cfg(test)]
mod tests {
    use super::to_ascii;

    #[test]
    fn names_have_the_form_that_dns_has() {
        // The long ones are RFC 3492 section 7.1's.
        for (name, ascii) in [
            ("Git.Corp.Example", "git.corp.example"),
            ("bücher.example", "xn--bcher-kva.example"),
            ("BÜCHER.Example", "xn--bcher-kva.example"),
            ("münchen.de", "xn--mnchen-3ya.de"),
            ("例え.jp", "xn--r8jz45g.jp"),
            ("他们为什么不说中文", "xn--ihqwcrb4cv8a8dqg056pqjye"),
            (
                "почемужеонинеговорятпорусски",
                "xn--b1abfaaepdrnnbgefbadotcwatmq2g4l",
            ),
        ] {
            assert_eq!(to_ascii(name).as_deref(), Some(ascii), "{name}");
        }
        for odd in ["a\u{202e}b", "ü b", "ü/x", "a\u{a0}b", "ü\u{200b}"] {
            assert_eq!(to_ascii(odd), None, "{odd:?}");
        }
    }
}
