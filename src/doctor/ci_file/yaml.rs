//! The one reader of YAML: a file's events into nodes that share their anchors.
//!
//! Anchors are never copied out; a file that would grow beyond measure through them is refused.

use std::collections::HashMap;
use std::rc::Rc;

use saphyr_parser::{Event, Parser};

/// No honest file is nested deeper.
const DEEPEST: usize = 64;

/// No honest file holds more once its anchors are written out.
const HEAVIEST: usize = 2_000_000;

/// Reads the last document of a file; the words say what is wrong.
pub(super) fn read(text: &str) -> Result<Option<Rc<Node>>, String> {
    Tree::default().read(text)
}

/// A value.
#[derive(Debug)]
pub(super) enum Node {
    /// A word, whatever it stands for.
    Scalar(String),
    /// A list.
    List(Vec<Rc<Node>>),
    /// Keys in their order; one may be given twice.
    Map(Vec<(String, Rc<Node>)>),
}

impl Node {
    /// The entries, where it is a mapping.
    pub(super) fn map(&self) -> Option<&[(String, Rc<Node>)]> {
        match self {
            Node::Map(entries) => Some(entries),
            _ => None,
        }
    }

    /// The word, where it is one that says something.
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Node::Scalar(text) if !matches!(text.as_str(), "" | "~" | "null") => Some(text),
            _ => None,
        }
    }

    /// The value of a key; of one given twice the last, and before what `<<` brings in.
    pub(super) fn get(&self, key: &str) -> Option<&Node> {
        let own = self.map()?.iter().rev().find(|(name, _)| name == key).map(|(_, node)| &**node);
        own.or_else(|| {
            let merged = self.map()?.iter().filter(|(name, _)| name == "<<");
            merged.flat_map(|(_, node)| node.each()).find_map(|node| node.get(key))
        })
    }

    /// The items of a list, or the one thing it is.
    pub(super) fn each(&self) -> Vec<&Node> {
        match self {
            Node::List(items) => items.iter().map(|item| &**item).collect(),
            other => vec![other],
        }
    }
}

/// Builds nodes from the parser's events.
#[derive(Default)]
struct Tree {
    open: Vec<Open>,
    anchors: HashMap<usize, (Rc<Node>, Size)>,
    root: Option<Rc<Node>>,
}

/// How large a node would be with all its anchors written out.
#[derive(Debug, Clone, Copy, Default)]
struct Size {
    /// Levels below it.
    depth: usize,
    /// Nodes below it.
    weight: usize,
}

/// A list or mapping whose end has not come.
struct Open {
    anchor: usize,
    size: Size,
    key: Option<String>,
    node: Node,
}

impl Tree {
    fn read(mut self, text: &str) -> Result<Option<Rc<Node>>, String> {
        for event in Parser::new_from_str(text) {
            let (event, _) = event.map_err(|error| error.to_string())?;
            match event {
                Event::DocumentStart(_) => self.root = None,
                Event::Scalar(text, _, anchor, _) => {
                    self.close(Rc::new(Node::Scalar(text.into_owned())), anchor, Size::default())?;
                }
                Event::SequenceStart(anchor, _) => self.open(anchor, Node::List(Vec::new()))?,
                Event::MappingStart(anchor, _) => self.open(anchor, Node::Map(Vec::new()))?,
                Event::SequenceEnd | Event::MappingEnd => {
                    if let Some(done) = self.open.pop() {
                        self.close(Rc::new(done.node), done.anchor, done.size)?;
                    }
                }
                Event::Alias(id) => {
                    let (node, size) =
                        self.anchors.get(&id).cloned().ok_or("an alias stands inside its own anchor")?;
                    self.close(node, 0, size)?;
                }
                Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
            }
        }
        Ok(self.root)
    }

    fn open(&mut self, anchor: usize, node: Node) -> Result<(), String> {
        if self.open.len() >= DEEPEST {
            return Err(format!("it is nested deeper than {DEEPEST} levels"));
        }
        self.open.push(Open { anchor, size: Size::default(), key: None, node });
        Ok(())
    }

    fn close(&mut self, node: Rc<Node>, anchor: usize, size: Size) -> Result<(), String> {
        if anchor > 0 {
            self.anchors.insert(anchor, (Rc::clone(&node), size));
        }
        let Some(parent) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        // Aliases nest and weigh as well, although nothing is open then.
        parent.size.depth = parent.size.depth.max(size.depth + 1);
        parent.size.weight = parent.size.weight.saturating_add(size.weight).saturating_add(1);
        if parent.size.depth > DEEPEST {
            return Err(format!("it is nested deeper than {DEEPEST} levels"));
        }
        if parent.size.weight > HEAVIEST {
            return Err(format!("its anchors make it larger than {HEAVIEST} values"));
        }
        match (&mut parent.node, parent.key.take()) {
            (Node::List(items), _) => items.push(node),
            (Node::Map(entries), Some(key)) => entries.push((key, node)),
            (Node::Map(_), None) => {
                // A key that is a list or a mapping names no job.
                parent.key = Some(node.text().unwrap_or_default().to_owned());
            }
            (Node::Scalar(_), _) => {}
        }
        Ok(())
    }
}
