/** Time, timers and randomness, as ports: no module of ours reads a clock or draws a random number by itself. */

export interface Clock {
  /** Milliseconds since 1970 (UTC). May step back when the machine's clock is set. */
  now(): number
  /** Milliseconds on a clock that never steps back; only differences mean anything. */
  monotonic(): number
}

export interface Timers {
  /** Calls `action` once after `delayMs`; the returned function cancels it. A pending timer keeps no process alive. */
  after(delayMs: number, action: () => void): () => void
}

/** Resolves after `delayMs` of the given timers. */
export function sleep(timers: Timers, delayMs: number): Promise<void> {
  return new Promise((resolve) => timers.after(delayMs, resolve))
}

export interface Random {
  /** Unpredictable bytes (keys, salts, ids). */
  bytes(count: number): Uint8Array
}
