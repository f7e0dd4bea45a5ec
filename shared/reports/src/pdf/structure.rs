//! What the parts of a report are and in which order they are read: what a screen reader follows, and the outline. Knows
//! nothing of where on a sheet something stands.

use super::paint::Mark;

/// What a part of the report is.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Role {
    Section,
    /// Of level 1 for the whole, with its words.
    Heading(u16, String),
    Paragraph,
    List,
    Item,
    Table,
    Row,
    ColumnHead,
    RowHead,
    Cell,
    /// With what is to be seen, in words.
    Figure(String),
    Caption,
}

/// A node of the structure; the first is the root.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) role: Role,
    pub(super) children: Vec<Child>,
}

/// A part of a node.
#[derive(Debug, Clone, Copy)]
pub(super) enum Child {
    /// The node with this number.
    Node(usize),
    /// The piece with this number on this sheet.
    Piece { sheet: usize, piece: usize },
}

/// Marks that belong together.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) kind: PieceKind,
    pub(super) marks: Vec<Mark>,
}

/// What is read aloud and what is passed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PieceKind {
    /// Says something, and belongs to a node.
    Content,
    /// Is for the eye.
    Decoration,
    /// Stands on every sheet: what it says was said on the first.
    Running,
}

/// An entry of the outline, and where it leads.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) text: String,
    pub(super) sheet: usize,
    pub(super) y: f32,
}
