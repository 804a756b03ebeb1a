/**
 * Questions under way, so that equal ones are asked once: whoever wants a key of a flight waits for that flight. It is
 * aborted when the last one waiting has left, and nobody can board it after that.
 */
export interface Flight<Value> {
  /** The values by key. Rejects with the question's error, or with the reason of `signal`, which ends only this wait. */
  wait(signal?: AbortSignal): Promise<ReadonlyMap<string, Value>>
}

export interface Flights<Value> {
  /** The flight that will bring this key in this version or a later one. */
  find(key: string, version: number): Flight<Value> | undefined
  /** Asks; the answer has one value for each key, in order. */
  start(
    wanted: readonly { readonly key: string; readonly version: number }[],
    ask: (abort: AbortSignal) => Promise<readonly Value[]>,
  ): Flight<Value>
  /** Keys on their way. */
  readonly size: number
}

export function createFlights<Value>(): Flights<Value> {
  const byKey = new Map<string, { readonly flight: Flight<Value>; readonly version: number }>()

  return {
    find(key, version) {
      const found = byKey.get(key)
      return found !== undefined && found.version >= version ? found.flight : undefined
    },
    get size() {
      return byKey.size
    },
    start(wanted, ask) {
      const abort = new AbortController()
      let waiting = 0
      let under: 'way' | 'answered' = 'way'
      const close = () => {
        for (const { key } of wanted) if (byKey.get(key)?.flight === flight) byKey.delete(key)
      }
      const landed = ask(abort.signal)
        .finally(() => {
          under = 'answered'
        })
        .then((values) => new Map(wanted.map(({ key }, i) => [key, values[i] as Value])))
      // Whoever left does not wait for the rejection that the abort causes.
      landed.catch(() => {})
      const leave = () => {
        waiting -= 1
        if (waiting > 0) return
        close()
        // An engine that answered may be at another question on the same connection.
        if (under === 'way') abort.abort()
      }
      const flight: Flight<Value> = {
        wait(signal) {
          waiting += 1
          return new Promise<ReadonlyMap<string, Value>>((resolve, reject) => {
            const onAbort = () => reject(signal?.reason)
            if (signal?.aborted) onAbort()
            signal?.addEventListener('abort', onAbort, { once: true })
            landed.then(resolve, reject).finally(() => signal?.removeEventListener('abort', onAbort))
          }).finally(leave)
        },
      }
      for (const { key, version } of wanted) byKey.set(key, { flight, version })
      return flight
    },
  }
}
