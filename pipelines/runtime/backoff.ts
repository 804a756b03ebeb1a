/** How long to wait before another try: doubling from a first wait up to a longest one, forgotten after a success. */
export const retryFirstMs = 250
export const retryLongestMs = 30_000

export class Backoff {
  #failures = 0

  constructor(
    private readonly firstMs = retryFirstMs,
    private readonly longestMs = retryLongestMs,
  ) {}

  /** Counts a failure and gives the wait before the next try. */
  nextMs(): number {
    const wait = Math.min(this.longestMs, this.firstMs * 2 ** Math.min(this.#failures, 30))
    this.#failures += 1
    return wait
  }

  get failures(): number {
    return this.#failures
  }

  reset(): void {
    this.#failures = 0
  }
}
