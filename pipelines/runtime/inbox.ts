/**
 * Where readers of partitions put what came, and the runner's loop waits for it. A reader holds at most one batch here
 * until the loop took it, so the memory of an inbox is bounded by the partitions and one read of each.
 */
export class Inbox<T> {
  #arrivals: T[] = []
  #wake: (() => void) | null = null
  #rung = false

  push(arrival: T): void {
    this.#arrivals.push(arrival)
    this.ring()
  }

  /** Ends the wait that is on, or the next one, without an arrival. */
  ring(): void {
    this.#rung = true
    this.#wake?.()
  }

  /** Waits for an arrival or a ring, then takes all arrivals. */
  async take(): Promise<readonly T[]> {
    if (!this.#rung) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
      this.#wake = null
    }
    this.#rung = false
    const taken = this.#arrivals
    this.#arrivals = []
    return taken
  }
}
