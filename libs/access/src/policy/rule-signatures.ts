import { type Rule } from './rules.js';

/** Names a combination of rules shortly, so that pools under the same rules are decided once. */
export class RuleSignatures {
  private readonly numbers = new Map<Rule, number>();

  of(lists: readonly (readonly Rule[])[]): string {
    return lists.map((rules) => rules.map((rule) => this.numberOf(rule)).join()).join('|');
  }

  private numberOf(rule: Rule): number {
    const known = this.numbers.get(rule);
    if (known !== undefined) return known;
    this.numbers.set(rule, this.numbers.size);
    return this.numbers.size - 1;
  }
}
