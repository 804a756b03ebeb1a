/** A partition's watermark: the largest time seen, less the delay. It never goes back. */
export class Watermark {
  /** @param value ms since 1970; null before the first row */
  constructor(
    readonly delayMs: number,
    private value: number | null,
  ) {}

  see(timeMs: number): void {
    const at = timeMs - this.delayMs
    if (this.value === null || at > this.value) this.value = at
  }

  /** Whether a row of this event time is late: behind the watermark, still counted. */
  isLate(eventTimeMs: number): boolean {
    return this.value !== null && eventTimeMs < this.value
  }

  get current(): number | null {
    return this.value
  }
}
