//! Positions in the log.

use std::fmt;

/// Position in the log: which transactions have been read.
///
/// Read are those up to `highest`, but for those that were `running` then. Ids of transactions are
/// not assigned in the order of their commits, so a number alone would miss those that commit late.
///
/// `highest` is the highest id *of a row that was read*, not the end of the snapshot
/// (`pg_snapshot_xmax`): that one may count transactions that wrote nothing to the disk, whose ids
/// the server assigns again after a crash. A row that was read is on the disk, and ids after a crash
/// are above its own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Position {
    pub(super) highest: u64,
    pub(super) running: Vec<u64>,
}

impl Position {
    /// Creates a position from the highest id that was read, and the snapshot it was read with.
    pub(super) fn new(highest: u64, snapshot: &str) -> Option<Self> {
        // `xmin:xmax:running,running`
        let (_, running) = snapshot.rsplit_once(':')?;
        let mut running = ids(running)?;
        // The others are above `highest`, and are read anyway.
        running.retain(|id| *id < highest);
        Some(Self { highest, running })
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        let (highest, running) = text.split_once(':')?;
        Some(Self { highest: highest.parse().ok()?, running: ids(running)? })
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.highest)?;
        for (at, id) in self.running.iter().enumerate() {
            write!(f, "{}{id}", if at > 0 { "," } else { "" })?;
        }
        Ok(())
    }
}

fn ids(text: &str) -> Option<Vec<u64>> {
    text.split(',').filter(|id| !id.is_empty()).map(|id| id.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_keeps_what_was_running_below_the_highest_that_was_read() {
        for (highest, snapshot, text) in [
            (0, "5:5:", "0:"),
            (7, "5:9:5,6,8", "7:5,6"),
            (9, "9:9:", "9:"),
            (u64::MAX, "1:2:1", "18446744073709551615:1"),
        ] {
            let position = Position::new(highest, snapshot).unwrap();
            assert_eq!(position.to_string(), text);
            assert_eq!(Position::parse(text), Some(position));
        }
        for text in ["", "7", "x:", "7:x", "-1:", ":", "7:5:6"] {
            assert_eq!(Position::parse(text), None, "{text:?}");
        }
        assert_eq!(Position::new(1, "5"), None);
    }
}
