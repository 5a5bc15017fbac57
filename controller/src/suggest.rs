//! "Did you mean": the known names closest to a wrong one.
//! Never corrects by itself; the caller only prints.

/// How many names are offered at most.
const OFFERED_MAX: usize = 3;

/// The known names within a few letters of `wrong`, closest first.
pub fn close<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let wrong = wrong.to_lowercase();
    let limit = (wrong.chars().count() / 3).clamp(1, 4);
    let mut near: Vec<(usize, &str)> = known
        .into_iter()
        .map(|name| (distance(&wrong, &name.to_lowercase()), name))
        .filter(|(far, name)| *far <= limit || (wrong.len() >= 3 && name.to_lowercase().contains(&wrong)))
        .collect();
    near.sort_by_key(|(far, name)| (*far, *name));
    near.dedup_by_key(|(_, name)| *name);
    near.into_iter().take(OFFERED_MAX).map(|(_, name)| name).collect()
}

/// How many letters must be added, dropped or changed to get from one word to the other.
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, letter) in from.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, other) in to.iter().enumerate() {
            let change = diagonal + usize::from(letter != *other);
            diagonal = row[j + 1];
            row[j + 1] = change.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::{close, distance};

    #[test]
    fn distance_counts_single_letters() {
        assert_eq!(
            (
                distance("bras", "bras"),
                distance("bras", "bars"),
                distance("", "abc")
            ),
            (0, 2, 3)
        );
    }

    #[test]
    fn close_offers_near_names_and_not_far_ones() {
        assert_eq!(
            close("bras-2", ["bras-1", "olt-7", "bras-11"]),
            ["bras-1", "bras-11"]
        );
        assert!(close("zzz", ["bras-1"]).is_empty());
    }
}
