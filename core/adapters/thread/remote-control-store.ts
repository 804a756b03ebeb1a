/**
 * A control store of another thread. One method of the port takes a function, which no message carries: the secrets that
 * `dailySecrets` may need are drawn here and sent along; those not needed are forgotten.
 */
import type { ControlStore } from '../../ports/control-store.ts'
import type { Caller } from './remote.ts'

type DailySecrets = Awaited<ReturnType<ControlStore['dailySecrets']>>

interface CarriedControlStore extends Omit<ControlStore, 'dailySecrets'> {
  dailySecretsOf(dates: readonly string[], keepFrom: string, drawn: readonly string[]): Promise<DailySecrets>
}

/** What to `serve` for `remoteControlStore` on the other end. */
export function serveControlStore(store: ControlStore): object {
  const { dailySecrets: _, ...others } = methodsOf(store)
  const carried: Pick<CarriedControlStore, 'dailySecretsOf'> = {
    dailySecretsOf(dates, keepFrom, drawn) {
      const left = [...drawn]
      return store.dailySecrets(dates, keepFrom, () => {
        const secret = left.shift()
        if (secret === undefined) throw new RangeError('a secret is drawn at most once a date')
        return secret
      })
    },
  }
  return { ...others, ...carried }
}

export function remoteControlStore(caller: Caller, target: string): ControlStore {
  const remote = caller.remote<CarriedControlStore>(target)
  const dailySecrets: ControlStore['dailySecrets'] = (dates, keepFrom, make) =>
    remote.dailySecretsOf(
      dates,
      keepFrom,
      dates.map(() => make()),
    )
  return new Proxy(remote as unknown as ControlStore, {
    get: (store, name, receiver) => (name === 'dailySecrets' ? dailySecrets : Reflect.get(store, name, receiver)),
  })
}

/** The methods of a store, plain object or class, bound to it. */
function methodsOf(store: ControlStore): ControlStore {
  const names = new Set<string>()
  for (let level: object = store; level !== Object.prototype; level = Object.getPrototypeOf(level)) {
    for (const name of Object.getOwnPropertyNames(level)) if (name !== 'constructor') names.add(name)
  }
  const methods: Record<string, unknown> = {}
  for (const name of names) {
    const member: unknown = Reflect.get(store, name)
    if (typeof member === 'function') methods[name] = member.bind(store)
  }
  return methods as unknown as ControlStore
}
