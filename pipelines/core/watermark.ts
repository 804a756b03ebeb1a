/** A partition's watermark: the largest time seen, less the delay. It never goes back. */
export class Watermark {
  /** -Infinity before the first row: a field that is always a number is written in place, and costs no allocation. */
  private value: number

  /** @param value ms since 1970; null before the first row */
  constructor(
    readonly delayMs: number,
    value: number | null,
  ) {
    this.value = value ?? Number.NEGATIVE_INFINITY
  }

  see(timeMs: number): void {
    const at = timeMs - this.delayMs
    if (at > this.value) this.value = at
  }

  /** Whether a row of this event time is late: behind the watermark, still counted. */
  isLate(eventTimeMs: number): boolean {
    return eventTimeMs < this.value
  }

  get current(): number | null {
    return this.value === Number.NEGATIVE_INFINITY ? null : this.value
  }
}
