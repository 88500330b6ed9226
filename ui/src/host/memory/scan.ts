// Verdicts of the memory host: as a station might give them, from the little it has.
import type { QuestionRow } from "../../generated/QuestionRow";
import type { Reason } from "../../generated/Reason";
import type { ScanRequest } from "../../generated/ScanRequest";
import type { VerdictView } from "../../generated/VerdictView";
import * as world from "./world";

interface Around {
  at: number;
  data_age_s: number | null;
  recent: readonly VerdictView[];
  delivery: VerdictView["delivery"];
  may_undo: boolean;
  may_admit_unpaid: boolean;
}

/** What is still to be asked. */
function open(ticket: world.Ticket | undefined, request: ScanRequest): QuestionRow[] {
  return (ticket?.questions ?? []).filter((one) => !request.answers.some((given) => given.question_id === one.question_id));
}

function reasonOf(ticket: world.Ticket | undefined, used: boolean, request: ScanRequest): Reason | null {
  if (!ticket) return "invalid";
  if (ticket.refused === "unpaid" && request.admit_unpaid) return null;
  if (ticket.refused) return ticket.refused;
  if (used) return "already_redeemed";
  return request.direction === "entry" && open(ticket, request).length > 0 ? "answers_required" : null;
}

export function decide(ticket: world.Ticket | undefined, request: ScanRequest, around: Around): VerdictView {
  const { direction, list_id } = request;
  const last = around.recent.find((one) => one.order_code === ticket?.order_code && one.class !== "refused" && one.class !== "used");
  const used = direction === "entry" && last?.direction === "entry" ? last : undefined;
  const product = world.PRODUCTS.find((one) => one.item_id === ticket?.item_id);
  const reason = reasonOf(ticket, used !== undefined, request);
  const marks = [...(ticket?.marks ?? []), ...(ticket?.refused === "unpaid" && request.admit_unpaid ? ["unpaid" as const] : [])];
  return {
    scan_id: crypto.randomUUID(),
    class: reason === "already_redeemed" ? "used" : reason ? "refused" : marks.length > 0 ? "look" : "admitted",
    reason,
    marks: reason ? [] : marks,
    direction,
    event_id: world.EVENT.event_id,
    list_id,
    product: product?.name ?? null,
    name: ticket?.name ?? null,
    order_code: ticket?.order_code ?? null,
    position_id: ticket ? crypto.randomUUID() : null,
    checkin_text: product?.text ?? "",
    first_use: used ? { at: used.at, gate: used.gate, direction: "entry" } : null,
    valid_from: ticket?.valid_from ?? null,
    valid_until: null,
    other_event: ticket?.event_id === world.OTHER_EVENT.event_id ? world.OTHER_EVENT.name : null,
    at: around.at,
    gate: "Gate B",
    delivery: reason === "answers_required" ? "asked" : around.delivery,
    undone: false,
    may_undo: reason === null && around.may_undo,
    uncertainty_ms: null,
    data_age_s: around.data_age_s,
    list_name: list_id === world.BALCONY ? "Balcony" : "Main hall",
    variation: null,
    date: null,
    addons: ticket?.addons ?? [],
    texts: [...(product?.text ? [{ of: "product" as const, text: product.text }] : []), ...(ticket?.text ? [{ of: "order" as const, text: ticket.text }] : [])],
    attention: reason === null && marks.includes("attention") ? ["order"] : [],
    explanation: ticket?.explanation ?? [],
    rule_trouble: null,
    questions: reason === "answers_required" ? open(ticket, request) : [],
    wrong_answers: [],
    may_admit_unpaid: reason === "unpaid" && around.may_admit_unpaid,
    due: ticket?.refused === "unpaid" ? { minor: 2400, currency: "EUR" } : null,
    exchange: ticket?.exchange ?? "none",
    medium: null,
    max_data_age_min: null,
    repeated: false,
  };
}
