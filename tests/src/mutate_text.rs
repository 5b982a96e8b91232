//! Texts of networks with small damage: in their bytes, words, lines or numbers, a function of the seed alone.

use crate::mutate::{FLOATS, INTS, change_bytes};
use crate::random::Random;

/// The words of a text: what letters, digits, dots and underscores make, and every other character by itself.
pub fn words(text: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let part = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
        let end = if part(first) { rest.find(|c| !part(c)).unwrap_or(rest.len()) } else { first.len_utf8() };
        let (word, after) = rest.split_at(end);
        words.push(word);
        rest = after;
    }
    words
}

/// Which of the words are operators: those behind `= ` and `|> `.
pub fn operators(words: &[&str]) -> Vec<usize> {
    let is_operator = |k: &usize| matches!(words[k - 2], "=" | ">") && words[k - 1] == " ";
    (2..words.len()).filter(is_operator).collect()
}

/// The text of this number: a mutant of `text`, other texts lend their words, of which some are operators.
pub fn mutant_text(text: &str, seed: u64, [lent, operators]: [&[String]; 2]) -> Vec<u8> {
    let mut random = Random(seed);
    let mut text = text.to_string();
    for _ in 0..1 + random.below(6) / 4 {
        text = match random.below(8) {
            0 => change_lines(&text, &mut random),
            1 => change_words(&text, &mut random, lent),
            2 | 3 => change_operator(&text, &mut random, operators),
            4..7 => change_number(&text, &mut random),
            _ => {
                let mut bytes = text.into_bytes();
                change_bytes(&mut bytes, &mut random);
                match String::from_utf8(bytes) {
                    Ok(text) => text,
                    Err(error) => return error.into_bytes(),
                }
            }
        };
        if text.is_empty() {
            break;
        }
    }
    text.into_bytes()
}

fn change_lines(text: &str, random: &mut Random) -> String {
    let mut lines: Vec<&str> = text.split_inclusive('\n').collect();
    let (a, b) = (random.below(lines.len()), random.below(lines.len()));
    match random.below(4) {
        0 => drop(lines.remove(a)),
        1 => lines.insert(b, lines[a]),
        2 => lines.swap(a, b),
        _ => lines.truncate(a),
    }
    lines.concat()
}

fn change_words(text: &str, random: &mut Random, lent: &[String]) -> String {
    let mut words = words(text);
    let named: Vec<usize> = (0..words.len()).filter(|&k| words[k].trim() != "").collect();
    let (a, b) = (random.pick(&named), random.pick(&named));
    let word = random.pick(lent);
    match random.below(6) {
        0 => drop(words.remove(a)),
        1 => words.insert(b, words[a]),
        2 => words.swap(a, b),
        3 => words[a] = words[b],
        _ => words[a] = &word,
    }
    words.concat()
}

fn change_operator(text: &str, random: &mut Random, others: &[String]) -> String {
    let mut words = words(text);
    let other = random.pick(others);
    if let Some(&mut k) = random.one(&mut operators(&words)) {
        words[k] = &other;
    }
    words.concat()
}

fn change_number(text: &str, random: &mut Random) -> String {
    let mut words = words(text);
    let is_number = |word: &str| word.starts_with(|c: char| c.is_ascii_digit());
    let numbers: Vec<usize> = (0..words.len()).filter(|&k| is_number(words[k])).collect();
    if numbers.is_empty() {
        return text.to_string();
    }
    let k = random.pick(&numbers);
    let new = match (words[k].parse::<i64>(), random.below(6)) {
        (Ok(old), 0..3) => old.wrapping_add(random.pick(&[-1, 1, 1, 2])).to_string(),
        (_, 5) => random.pick(FLOATS).to_string(),
        _ => random.pick(INTS).to_string(),
    };
    words[k] = &new;
    words.concat()
}

#[cfg(test)]
mod tests {
    use super::words;

    #[test]
    fn words_make_the_text() {
        let text = "graph @g(%x.1: f32[1,2]) { // \u{e9}\n";
        assert_eq!(words(text).concat(), text);
        assert_eq!(words("%x.1: f32[-2]"), ["%", "x.1", ":", " ", "f32", "[", "-", "2", "]"]);
    }
}
