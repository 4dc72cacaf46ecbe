// The last verdicts, bounded. Everything that shows them reads here.

const MOST = 600;

export class Store {
  constructor() {
    this.clear();
  }

  clear() {
    this.verdicts = []; // in the order in which they came
    this.byNumber = new Map();
  }

  add(verdicts) {
    for (const verdict of verdicts) {
      this.verdicts.push(verdict);
      this.byNumber.set(verdict.sequence, verdict);
    }
    for (const old of this.verdicts.splice(0, Math.max(0, this.verdicts.length - MOST))) {
      if (this.byNumber.get(old.sequence) === old) this.byNumber.delete(old.sequence);
    }
  }

  get(number) {
    return this.byNumber.get(number);
  }

  // The nearest one before (-1) or after (+1) that did not pass; from the newest where `number` is not known.
  defect(number, step) {
    let index = this.verdicts.findIndex((verdict) => verdict.sequence === number);
    if (index < 0) index = step < 0 ? this.verdicts.length : -1;
    for (index += step; index >= 0 && index < this.verdicts.length; index += step) {
      if (this.verdicts[index].outcome !== "PASS") return this.verdicts[index];
    }
    return undefined;
  }
}
