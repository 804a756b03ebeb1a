/** Ports whose calls are counted, and of which one ends as a test says. */
import type { Ports } from './driver-under-test.ts'

/** What becomes of one call: done, and nobody hears of it and of any after it; or it throws, done or not. */
export type CallEnd =
  | { readonly kind: 'crash'; readonly done: 'before' | 'after' }
  | { readonly kind: 'throw'; readonly done: 'before' | 'after'; readonly error: () => Error }

export interface CountedPorts extends Ports {
  /** Names of the calls so far. */
  readonly calls: readonly string[]
}

/** The `at`th call, from 0, ends as `end` says; all calls are done where it is undefined. */
export function countedPorts(ports: Ports, at?: number, end?: CallEnd): CountedPorts {
  const calls: string[] = []
  let isDead = false
  const never = new Promise<never>(() => undefined)

  function counted<T extends object>(of: string, target: T): T {
    return new Proxy(target, {
      get(port, name) {
        const method = Reflect.get(port, name) as unknown
        if (typeof method !== 'function') return method
        return async (...args: unknown[]) => {
          if (isDead) return never
          const number = calls.push(`${of}.${String(name)}`) - 1
          if (number !== at || end === undefined) return method.apply(port, args)
          if (end.kind === 'crash') isDead = true
          if (end.done === 'after') await Promise.resolve(method.apply(port, args)).catch(() => undefined)
          if (end.kind === 'crash') return never
          throw end.error()
        }
      },
    })
  }
  return {
    calls,
    store: counted('store', ports.store),
    lake: counted('lake', ports.lake),
    executor: counted('executor', ports.executor),
    comparer: counted('comparer', ports.comparer),
  }
}
