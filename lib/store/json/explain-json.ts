// Room: store, pure part. An explanation as the field `explanation` of the document dmremap.examine/1: 64-bit numbers are
// decimal strings, magic and checksum 0x and eight digits.
import type { ExplainedElection, Explanation, RuleStep } from '../examine/explain.js';
import { hex32 } from '../table/phrases.js';

/** The field, ready for JSON.stringify. */
export const toExplanationJson = ({ driver, ours, partings, sameTable }: Explanation) => ({
  driver: electionJson(driver),
  ours: electionJson(ours),
  partings: partings.map((parting) => ({ ...parting })),
  sameTable,
});

const electionJson = ({ copies, accepted, order, winner }: ExplainedElection) => ({
  copies: copies.map(({ copy, rules }) => ({ copy, rules: rules.map(ruleJson) })),
  accepted: [...accepted],
  order: order.map(({ step, best, stay, out }) => ({
    step,
    best: best === null ? null : `${best}`,
    stay: [...stay],
    out: [...out],
  })),
  winner,
});

function ruleJson(step: RuleStep) {
  switch (step.rule) {
    case 'magic':
    case 'checksum':
      return { ...step, found: hex32(step.found), limit: hex32(step.limit) };
    case 'future':
      return { ...step, found: `${step.found}`, limit: `${step.limit}` };
    default:
      return { ...step };
  }
}
