/** Turns to run a query: a bounded number at a time, and a bounded line of those who wait. First come, first served. */

export interface QueryTurnsOptions {
  readonly concurrency: number
  readonly maxWaiting: number
}

/** Queries that may wait for their turn, where an engine is not told otherwise. */
export const defaultMaxWaitingQueries = 128

export class QueryTurns {
  private readonly line: (() => void)[] = []
  private running = 0
  private whenIdle: (() => void) | undefined

  constructor(private readonly options: QueryTurnsOptions) {}

  /**
   * Runs `work` when it has its turn. Leaves the line when `signal` aborts.
   * @throws Error where the line is full
   */
  async run<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    await this.turn(signal)
    try {
      return await work()
    } finally {
      this.pass()
    }
  }

  /** Resolves when nothing runs any more; whoever asks for a turn later is on their own to be refused. */
  async idle(): Promise<void> {
    if (this.running === 0) return
    await new Promise<void>((resolve) => {
      this.whenIdle = resolve
    })
  }

  private turn(signal: AbortSignal): Promise<void> | void {
    if (this.running < this.options.concurrency) {
      this.running += 1
      return
    }
    if (this.line.length >= this.options.maxWaiting) throw new Error(`${this.line.length} queries wait already`)
    return new Promise((resolve, reject) => {
      const leave = () => {
        this.line.splice(this.line.indexOf(go), 1)
        reject(signal.reason)
      }
      const go = () => {
        signal.removeEventListener('abort', leave)
        resolve()
      }
      this.line.push(go)
      signal.addEventListener('abort', leave, { once: true })
    })
  }

  /** The turn goes to the next in line, who then runs in our place. */
  private pass(): void {
    const next = this.line.shift()
    if (next !== undefined) {
      next()
      return
    }
    this.running -= 1
    if (this.running === 0) this.whenIdle?.()
  }
}
