//! The structure of a report as the tags of a PDF.

use std::num::NonZeroU16;

use krilla::tagging::{Identifier, ListNumbering, Node as TagNode, TableHeaderScope, Tag, TagGroup, TagTree};

use super::structure::{Child, Node, Role};

/// The tree under the first node. `identifiers` are those of the pieces of each sheet; what is decoration has none.
pub(super) fn tree(nodes: &[Node], identifiers: &[Vec<Option<Identifier>>]) -> TagTree {
    let mut tree = TagTree::new();
    for child in nodes.first().iter().flat_map(|root| children(root, nodes, identifiers)) {
        tree.push(child);
    }
    tree
}

fn children(node: &Node, nodes: &[Node], identifiers: &[Vec<Option<Identifier>>]) -> Vec<TagNode> {
    let child = |child: &Child| match *child {
        Child::Node(number) => {
            let node = nodes.get(number)?;
            Some(group(&node.role, children(node, nodes, identifiers)).into())
        }
        Child::Piece { sheet, piece } => (*identifiers.get(sheet)?.get(piece)?).map(TagNode::Leaf),
    };
    node.children.iter().filter_map(child).collect()
}

fn group(role: &Role, children: Vec<TagNode>) -> TagGroup {
    match role {
        Role::Section => TagGroup::with_children(Tag::Section, children),
        Role::Heading(level, title) => {
            let level = NonZeroU16::new(*level).unwrap_or(NonZeroU16::MIN);
            TagGroup::with_children(Tag::Hn(level, Some(title.clone())), children)
        }
        Role::Paragraph => TagGroup::with_children(Tag::P, children),
        Role::List => TagGroup::with_children(Tag::L(ListNumbering::None), children),
        Role::Item => {
            let body = TagGroup::with_children(Tag::LBody, children);
            TagGroup::with_children(Tag::LI, vec![body.into()])
        }
        Role::Table => TagGroup::with_children(Tag::Table, children),
        Role::Row => TagGroup::with_children(Tag::TR, children),
        Role::ColumnHead => TagGroup::with_children(Tag::TH(TableHeaderScope::Column), children),
        Role::RowHead => TagGroup::with_children(Tag::TH(TableHeaderScope::Row), children),
        Role::Cell => TagGroup::with_children(Tag::TD, children),
        Role::Figure(alternative) => {
            TagGroup::with_children(Tag::Figure(Some(alternative.clone())), children)
        }
        Role::Caption => TagGroup::with_children(Tag::Caption, children),
    }
}
