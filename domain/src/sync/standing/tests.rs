use super::*;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

const ME: DeviceId = DeviceId(7);

fn point(incarnation: u32, seq: u64) -> Point {
    Point { incarnation, seq, hash: format!("{incarnation}-{seq}") }
}

fn mark(station: DeviceId, machine: &str, at: Point) -> Mark {
    Mark { station, machine: machine.into(), at, earlier: Vec::new(), frozen: Vec::new(), resume: None }
}

/// A database that has incarnation 1 up to 100, one entry of another branch at 50 of incarnation 9.
fn here(point: &Point) -> Here {
    match (point.incarnation, point.seq) {
        (1, seq) if seq <= 100 => Here::Reached,
        (9, 50) => Here::Other,
        _ => Here::Lacking,
    }
}

#[test]
fn a_database_is_doubted_for_each_reason_and_for_no_other() {
    let behind = |until: Vec<Point>| Some(Doubt { kind: DoubtKind::Behind, until });
    let of = |kind| Some(Doubt::of(kind));
    let two = Mark { earlier: vec![point(1, 120)], ..mark(ME, "m", point(2, 5)) };
    let table: Vec<(&str, bool, Vec<Mark>, Option<Doubt>)> = vec![
        ("never marked", false, vec![], None),
        ("the mark is its end", true, vec![mark(ME, "m", point(1, 100))], None),
        ("the mark is late", true, vec![mark(ME, "m", point(1, 97))], None),
        ("put back", true, vec![mark(ME, "m", point(1, 101))], behind(vec![point(1, 101)])),
        ("put back to before the last incarnation", true, vec![two], behind(vec![point(1, 120), point(2, 5)])),
        ("went another way", true, vec![mark(ME, "m", point(9, 50))], of(DoubtKind::Parted)),
        ("copied", true, vec![mark(ME, "n", point(1, 100))], of(DoubtKind::OtherMachine)),
        ("copied and behind", true, vec![mark(ME, "n", point(1, 200))], of(DoubtKind::OtherMachine)),
        ("the mark was deleted", true, vec![], of(DoubtKind::MarkMissing)),
        ("of another enrolment", false, vec![mark(DeviceId(8), "n", point(5, 5))], None),
        ("of another enrolment only", true, vec![mark(DeviceId(8), "n", point(5, 5))], of(DoubtKind::MarkMissing)),
        (
            "of two marks the further counts",
            true,
            vec![mark(ME, "m", point(1, 90)), mark(ME, "m", point(1, 130))],
            behind(vec![point(1, 130)]),
        ),
    ];
    for (case, was_marked, marks, expected) in table {
        let opening = Opening { station: ME, machine: "m", was_marked, marks: &marks };
        assert_eq!(at_open(&opening, here), expected, "{case}");
    }
}

#[test]
fn a_doubting_station_sells_nothing_and_goes_on_in_a_higher_incarnation() {
    let mut life = Life::new(3);
    assert_eq!(life.in_force(), [3]);
    life.doubt(Doubt { kind: DoubtKind::Behind, until: vec![point(3, 9)] }, 2, &[]);
    assert_eq!((life.incarnation, life.doubted, life.in_force()), (4, 3, vec![]));
    assert_eq!(life.look_again(|_| Here::Lacking), Vec::<u32>::new());
    let mut found = life.clone();
    assert_eq!(found.look_again(|_| Here::Reached), [3]);
    assert_eq!((found.doubt.is_none(), found.in_force()), (true, vec![3, 4]), "what it held is its again");
    assert!(life.server_has_heard() && !life.server_has_heard());
    assert_eq!((life.in_force(), life.missing()), (vec![4], vec![point(3, 9)]), "the old leases stay frozen");
    assert_eq!(life.look_again(|_| Here::Reached), [3], "the stick was found after all");
    assert_eq!(life.in_force(), [3, 4]);
}

#[test]
fn a_copy_is_never_proven_however_much_turns_up() {
    for kind in [
        DoubtKind::Parted,
        DoubtKind::OtherMachine,
        DoubtKind::MarkMissing,
        DoubtKind::Surpassed,
        DoubtKind::TakenForCopy,
    ] {
        let mut life = Life::new(1);
        life.doubt(Doubt::of(kind), 5, &[]);
        assert_eq!(life.look_again(|_| Here::Reached), Vec::<u32>::new());
        assert_eq!(life.incarnation, 5, "the number the server knows to be free");
        life.server_has_heard();
        assert_eq!(life.in_force(), [5], "{kind:?}");
    }
}

#[test]
fn a_second_doubt_freezes_what_was_proven_too() {
    let mut life = Life::new(1);
    life.doubt(Doubt { kind: DoubtKind::Behind, until: vec![point(1, 9)] }, 2, &[]);
    life.look_again(|_| Here::Reached);
    life.doubt(Doubt { kind: DoubtKind::Behind, until: vec![point(2, 4)] }, 3, &[]);
    life.server_has_heard();
    assert_eq!(life.in_force(), [3]);
    assert_eq!(life.look_again(|p| if p.incarnation == 2 { Here::Reached } else { Here::Lacking }), [1, 2]);
    assert_eq!(life.in_force(), [1, 2, 3]);
}

#[test]
fn a_mark_reads_back_and_one_of_today_is_read_without_what_comes_later() {
    let full = Mark {
        earlier: vec![point(1, 2)],
        frozen: vec![Frozen { incarnation: 1, until: vec![point(1, 9)] }],
        resume: Some(Resume { n: 3, token: "t".into() }),
        ..mark(ME, "m", point(2, 5))
    };
    let text = serde_json::to_string(&full).unwrap();
    assert_eq!(serde_json::from_str::<Mark>(&text).unwrap(), full);
    let bare = r#"{"station":7,"machine":"m","incarnation":2,"seq":5,"hash":"2-5","later":1}"#;
    assert_eq!(serde_json::from_str::<Mark>(bare).unwrap(), mark(ME, "m", point(2, 5)));
}

#[test]
fn a_machine_is_told_from_another_and_from_nothing_else() {
    assert_eq!(machine_digest("abc\n"), machine_digest("abc"));
    assert_ne!(machine_digest("abc"), machine_digest("abd"));
    assert_eq!(machine_digest("abc").len(), 32);
}

#[test]
fn what_was_frozen_for_another_reason_is_not_proven_by_the_new_one() {
    let behind = |at| Doubt { kind: DoubtKind::Behind, until: vec![at] };
    let frozen = |until| [Frozen { incarnation: 1, until }];
    let mut life = Life::new(1);
    life.doubt(behind(point(2, 1)), 3, &frozen(vec![point(1, 9)]));
    assert_eq!(life.missing(), [point(1, 9), point(2, 1)], "put back a second time, further back");
    let mut copy = Life::new(1);
    copy.doubt(behind(point(2, 1)), 3, &frozen(vec![]));
    assert_eq!(
        copy.look_again(|_| Here::Reached),
        [2],
        "the first life stays frozen, the one its own mark names does not"
    );
}

/// An entry: its hash, and the lease and unit it sold.
type Written = (String, Option<(u32, u32)>);
type Journal = BTreeMap<(u32, u64), Written>;

/// One disk as it may be saved and put back.
#[derive(Debug, Clone)]
struct Disk {
    life: Life,
    journal: Journal,
}

/// A station whose mark is always true, whose disk is put back again and again, and a server that has part of its
/// journal. There is one lease an incarnation, of as many units as are asked for.
#[derive(Debug)]
struct World {
    disk: Disk,
    saved: Vec<Disk>,
    mark: Mark,
    /// The highest incarnation ever opened, as it is kept beside the keys.
    opened: u32,
    server: Journal,
    /// Every entry there ever was, by name.
    all: Journal,
}

impl World {
    fn new() -> Self {
        let (life, journal) = (Life::new(1), Journal::new());
        let mark = mark(ME, "m", point(1, 0));
        let disk = Disk { life, journal };
        let mut world = Self { disk, saved: vec![], mark, opened: 1, server: Journal::new(), all: Journal::new() };
        world.write(None);
        world
    }

    /// Appends one entry and marks it.
    fn write(&mut self, sale: Option<(u32, u32)>) {
        let incarnation = self.disk.life.incarnation;
        let seq = 1 + end(&self.disk.journal, incarnation).map_or(0, |p| p.seq);
        let hash = self.all.len().to_string();
        let twice = self.all.insert((incarnation, seq), (hash.clone(), sale));
        assert!(twice.is_none(), "two entries are called {incarnation}/{seq}");
        self.disk.journal.insert((incarnation, seq), (hash.clone(), sale));
        let earlier = self.disk.life.proven.iter().filter_map(|i| end(&self.disk.journal, *i)).collect();
        let frozen = self.disk.life.frozen.clone();
        self.mark = Mark { earlier, frozen, ..mark(ME, "m", Point { incarnation, seq, hash }) };
    }

    fn sell(&mut self) {
        let Some(lease) = self.disk.life.in_force().first().copied() else { return };
        let sold = self.disk.journal.values().filter(|(_, sale)| sale.is_some_and(|(l, _)| l == lease)).count();
        self.write(Some((lease, u32::try_from(sold).unwrap())));
    }

    fn put_back(&mut self, which: usize) {
        if self.saved.is_empty() {
            return;
        }
        self.disk = self.saved[which % self.saved.len()].clone();
        let marks = [self.mark.clone()];
        let opening = Opening { station: ME, machine: "m", was_marked: true, marks: &marks };
        if let Some(doubt) = at_open(&opening, |p| here_in(&self.disk.journal, p)) {
            self.disk.life.doubt(doubt, self.opened + 1, &self.mark.frozen);
            self.opened = self.disk.life.incarnation;
            self.write(None);
        }
    }

    /// A contact: what the server has comes back where something is missing; then all goes up.
    fn meet(&mut self) {
        if !self.disk.life.missing().is_empty() {
            self.disk.journal.extend(self.server.clone());
        }
        let journal = self.disk.journal.clone();
        self.disk.life.look_again(|p| here_in(&journal, p));
        self.disk.life.server_has_heard();
        self.server.extend(journal);
    }
}

fn end(journal: &Journal, incarnation: u32) -> Option<Point> {
    let last = journal.iter().rfind(|((i, _), _)| *i == incarnation)?;
    Some(Point { incarnation, seq: last.0.1, hash: last.1.0.clone() })
}

fn here_in(journal: &Journal, point: &Point) -> Here {
    let whole = (1..=point.seq).all(|seq| journal.contains_key(&(point.incarnation, seq)));
    match journal.get(&(point.incarnation, point.seq)) {
        Some((hash, _)) if *hash != point.hash => Here::Other,
        Some(_) if whole => Here::Reached,
        Some(_) | None => Here::Lacking,
    }
}

proptest! {
    /// Whatever is put back whenever, with and without a server: no unit is sold twice, and no two entries have one name.
    #[test]
    fn a_disk_that_is_put_back_sells_nothing_twice(steps in prop::collection::vec((0u8..5, any::<usize>()), 1..120)) {
        let mut world = World::new();
        for (step, which) in steps {
            match step {
                0 | 1 => world.sell(),
                2 => world.saved.push(world.disk.clone()),
                3 => world.put_back(which),
                _ => world.meet(),
            }
        }
        let mut sold = BTreeSet::new();
        for (name, (_, sale)) in &world.all {
            if let Some(unit) = sale {
                prop_assert!(sold.insert(*unit), "unit {unit:?} is sold again by {name:?}");
            }
        }
    }

    /// Once the server has everything, a doubting station ends with all it ever held.
    #[test]
    fn with_everything_given_back_nothing_stays_frozen(rounds in 1usize..6, sales in 1usize..5) {
        let mut world = World::new();
        for _ in 0..rounds {
            world.saved.push(world.disk.clone());
            for _ in 0..sales {
                world.sell();
            }
            world.meet();
            world.put_back(world.saved.len() - 1);
            prop_assert!(world.disk.life.in_force().is_empty());
            world.meet();
            prop_assert!(world.disk.life.frozen.is_empty() && world.disk.life.doubt.is_none(), "{:?}", world.disk.life);
        }
        prop_assert_eq!(world.disk.life.in_force().len(), rounds + 1);
    }
}
