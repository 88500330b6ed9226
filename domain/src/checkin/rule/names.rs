//! What a rule names: products, variations and gates, wherever they stand against the variable of their kind or are looked
//! up by it. Whether they are there is for others to say.

use super::{Logic, Model, Name, Operand, Rule, Scalar, Test, Variable};

impl Rule {
    /// The products, variations and gates it names, each once, in the order they stand in it.
    #[must_use]
    pub fn names(&self) -> Vec<Name> {
        let mut found = Vec::new();
        walk(&self.0, &mut found);
        found
    }
}

fn walk(logic: &Logic, found: &mut Vec<Name>) {
    match logic {
        Logic::Always(_) | Logic::Test(Test::Before { .. }) => {}
        Logic::All(parts) | Logic::Any(parts) => parts.iter().for_each(|part| walk(part, found)),
        Logic::Test(Test::Compare { operands, .. }) => among(operands.iter(), found),
        Logic::Test(Test::InList { what, list }) => among(std::iter::once(what).chain(list), found),
    }
}

/// Bare numbers are names where they stand beside the variable of a kind; what is looked up says its kind itself.
fn among<'a>(operands: impl Iterator<Item = &'a Operand> + Clone, found: &mut Vec<Name>) {
    let beside = operands.clone().find_map(|operand| match operand {
        Operand::Variable(Variable::Product) => Some(Model::Product),
        Operand::Variable(Variable::Variation) => Some(Model::Variation),
        Operand::Variable(Variable::Gate) => Some(Model::Gate),
        Operand::Variable(Variable::Weekday | Variable::EntryStatus | Variable::Count(_))
        | Operand::Literal(_)
        | Operand::Lookup { .. }
        | Operand::Moment(_) => None,
    });
    for operand in operands {
        let name = match (operand, beside) {
            (Operand::Lookup { model, id, label }, _) => Some(Name { model: *model, id: *id, label: label.clone() }),
            (Operand::Literal(Scalar::Int(id)), Some(model)) => Some(Name { model, id: *id, label: None }),
            (Operand::Literal(Scalar::Text(text)), Some(model)) => {
                text.trim().parse().ok().map(|id| Name { model, id, label: None })
            }
            (Operand::Literal(_) | Operand::Variable(_) | Operand::Moment(_), _) => None,
        };
        // 0 is nobody's number: some write it for none.
        if let Some(name) = name.filter(|name| name.id != 0)
            && !found.iter().any(|known| (known.model, known.id) == (name.model, name.id))
        {
            found.push(name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_rule_names_what_it_looks_up_and_the_numbers_beside_a_variable_of_that_kind() {
        let rule = Rule::parse(&json!({"or": [
            {"inList": [{"var": "product"}, {"objectList": [{"lookup": ["product", "7", "Adult"]}, {"lookup": ["product", 7]}]}]},
            {"and": [{"==": [{"var": "gate"}, "3"]}, {"!=": [4, {"var": "gate"}]}, {"==": [{"var": "gate"}, null]}]},
            {"inList": [{"var": "variation"}, [5, "present"]]},
            {"==": [{"var": "entries_number"}, 9]},
            {"isAfter": [{"var": "now"}, {"buildTime": ["date_from"]}, 11]},
        ]}))
        .unwrap();
        let found: Vec<(Model, i64, Option<String>)> =
            rule.names().into_iter().map(|name| (name.model, name.id, name.label)).collect();
        assert_eq!(
            found,
            [
                (Model::Product, 7, Some("Adult".to_owned())),
                (Model::Gate, 3, None),
                (Model::Gate, 4, None),
                (Model::Variation, 5, None),
            ]
        );
    }
}
