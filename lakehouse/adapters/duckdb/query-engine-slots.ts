/** Turns to run a query: a fixed number of connections, made when first needed, and a bounded line of those who wait. */
import type { DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'

export interface QuerySlotsOptions {
  readonly instance: DuckDBInstance
  readonly concurrency: number
  readonly maxWaiting: number
}

export class QuerySlots {
  private readonly idle: DuckDBConnection[] = []
  private readonly line: (() => void)[] = []
  private running = 0
  private whenIdle: (() => void) | undefined

  constructor(private readonly options: QuerySlotsOptions) {}

  /**
   * Runs `work` when it has its turn; first come, first served. Leaves the line when `signal` aborts.
   * @throws Error where the line is full
   */
  async run<T>(signal: AbortSignal, work: (connection: DuckDBConnection) => Promise<T>): Promise<T> {
    await this.turn(signal)
    try {
      const connection = this.idle.pop() ?? (await this.connect())
      try {
        return await work(connection)
      } finally {
        this.idle.push(connection)
      }
    } finally {
      this.pass()
    }
  }

  /** Waits for what runs; whoever asks for a turn later is on their own to be refused. */
  async close(): Promise<void> {
    if (this.running > 0) {
      await new Promise<void>((resolve) => {
        this.whenIdle = resolve
      })
    }
    for (const connection of this.idle.splice(0)) connection.closeSync()
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

  private async connect(): Promise<DuckDBConnection> {
    const connection = await this.options.instance.connect()
    await connection.run("SET TimeZone = 'UTC'")
    return connection
  }
}
