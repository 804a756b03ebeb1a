/** What people do to the system in a run: send, ask, erase; each answer is checked for what it claims as it comes. */
import { LogUnavailableError, PlatformError, StaleEpochError, StaleLeaseError } from '../../core/errors.ts'
import type { ControlStore, KeyHolder } from '../../core/ports/control-store.ts'
import type { Collector } from '../../gateway/core/accept-hits.ts'
import type { EraseSubject } from '../../gateway/core/erasure-requests.ts'
import type { TimeSeries } from '../../gateway/core/time-series.ts'
import { ask, checkBetween } from './asking.ts'
import type { Appended } from './collecting.ts'
import type { Erased } from './model.ts'
import { type Doing, shops } from './plan.ts'
import type { SimReruns } from './reruns.ts'
import type { Simulation } from './simulation.ts'
import { Wrong } from './wrong.ts'

/** Who is there to be asked; undefined while it is down. */
export interface Actors {
  collector(number: number): { readonly accept: Collector['accept']; poison(): Promise<unknown> } | undefined
  gateway(number: number): { readonly timeSeries: TimeSeries; readonly erase: EraseSubject } | undefined
  maintain(): Promise<void> | undefined
  reruns(): Pick<SimReruns, 'operate'> | undefined
  /** Of all collectors, in any order. */
  appended(): readonly Appended[]
  /** Those that gateways can know of. */
  known(): readonly Appended[]
  /** A wall clock, for the end of the range that is asked for. */
  now(): number
}

export class Acting {
  /** Erasures that were confirmed. */
  readonly erased: Erased[] = []
  /** By gateway, each life one of its own: the newest `asOf` that it answered. */
  readonly #asOf = new WeakMap<object, number>()

  constructor(
    private readonly simulation: Simulation,
    private readonly actors: Actors,
  ) {}

  act(doing: Doing): void {
    const { simulation } = this
    simulation.schedule.note(`do ${JSON.stringify(doing).slice(0, 120)}`)
    if (doing.do === 'rest') {
      simulation.rest(doing.ms)
      return
    }
    const done = this.#begin(doing)
    if (done === undefined) simulation.count('nobody there')
    else this.#watch(done)
  }

  #begin(doing: Exclude<Doing, { do: 'rest' }>): Promise<unknown> | undefined {
    const { actors } = this
    switch (doing.do) {
      case 'send':
        return this.#send(doing)
      case 'poison':
        return actors.collector(doing.collector)?.poison()
      case 'maintain':
        return actors.maintain()
      case 'rerun':
        return this.#rerun(doing)
      case 'erase': {
        const gateway = actors.gateway(0)
        return gateway && this.#erase(gateway.erase, doing.merchant, doing.visitor)
      }
      case 'ask': {
        const gateway = actors.gateway(doing.gateway)
        return gateway && this.#ask(gateway, doing.merchant)
      }
    }
  }

  async #send({ merchant, collector, hits }: Extract<Doing, { do: 'send' }>): Promise<void> {
    const there = this.actors.collector(collector)
    if (there === undefined) {
      this.simulation.count('nobody there')
      return
    }
    const request = { holder: holderOf(merchant), address: '203.0.113.7', userAgent: 'UA', language: undefined }
    const { status, durability } = await there.accept({ body: hits, ...request })
    this.simulation.count(`answered ${status}, ${durability}`)
  }

  #rerun(doing: Extract<Doing, { do: 'rerun' }>): Promise<void> | undefined {
    return this.actors
      .reruns()
      ?.operate(doing)
      .then((how) => this.simulation.count(`reruns: ${how}`))
  }

  async #erase(erase: EraseSubject, merchant: number, value: string): Promise<void> {
    const shop = shops[merchant] as (typeof shops)[number]
    const erasure = await erase({ merchant: shop.id, subject: { kind: 'visitor', value }, by: 'the simulation' })
    if (erasure === null) return
    this.erased.push({ merchant: shop.id, visitor: value, through: erasure.through })
    this.simulation.count('erased')
  }

  async #ask(gateway: { readonly timeSeries: TimeSeries }, merchant: number): Promise<void> {
    const { simulation, actors } = this
    const { timeSeries } = gateway
    // Questions that are under way together may be answered in any order.
    const answeredBefore = this.#asOf.get(gateway) ?? 0
    const before = actors.known().map((record) => ({ ...record }))
    const answer = await ask(timeSeries, merchant, { interval: 'day', metrics: 'hits', toMs: actors.now() })
    simulation.count('answers')
    // Kept numbers, given out while the engine does not answer, say of when they are.
    if (answer.stale) simulation.count('stale answers')
    else this.#checkAsOf(gateway, answer.asOf, answeredBefore)
    const erased = this.#everAsked()
    const isRerun = simulation.plan.doings.some(({ what }) => what.do === 'rerun')
    const after = { records: actors.appended(), erased }
    checkBetween({ merchant, isRerun }, answer, { records: before, erased }, after)
  }

  #checkAsOf(gateway: object, asOf: number, answeredBefore: number): void {
    if (asOf < answeredBefore) {
      const [now, then] = [asOf, answeredBefore].map((at) => new Date(at).toISOString())
      throw new Wrong('asOf runs back', `a gateway says ${now}, and had said ${then}`)
    }
    this.#asOf.set(gateway, Math.max(this.#asOf.get(gateway) ?? 0, asOf))
  }

  /** Erasures whose answer was lost may be recorded all the same. */
  #everAsked(): readonly Erased[] {
    const asked = this.simulation.plan.doings.flatMap(({ what }) => (what.do === 'erase' ? [what] : []))
    return asked.map(({ merchant, visitor }) => ({
      ...{ merchant: shops[merchant]?.id ?? '', visitor, through: Number.POSITIVE_INFINITY },
    }))
  }

  #watch(promise: Promise<unknown>): void {
    const { simulation } = this
    promise.catch((error: unknown) => {
      if (error instanceof Wrong || !isPassing(error)) simulation.fail(error)
      else simulation.count('refused')
    })
  }
}

/** What the store says is erased: also where nobody was told. */
export async function recordedErasures(store: Pick<ControlStore, 'erasedOf'>): Promise<readonly Erased[]> {
  const all = await store.erasedOf(shops.map(({ id }) => id))
  return [...all.values()]
    .flat()
    .flatMap(({ merchant, subject, through }) =>
      subject.kind === 'visitor' ? [{ merchant, visitor: subject.value, through }] : [],
    )
}

/** @throws Wrong where an erasure that was confirmed is not recorded */
export function expectRecorded(asked: Erased, recorded: readonly Erased[]): void {
  const { merchant, visitor, through } = asked
  const isIt = (each: Erased) => each.merchant === merchant && each.visitor === visitor && each.through >= through
  if (recorded.some(isIt)) return
  throw new Wrong('erasure', `that of ${visitor} of ${merchant} was confirmed and is not recorded`)
}

function holderOf(merchant: number): KeyHolder {
  const shop = shops[merchant] as (typeof shops)[number]
  return {
    key: { hash: shop.id, merchant: shop.id, kind: 'server', rights: ['write'], origins: [], quota: null, tool: null },
    merchant: shop,
  }
}

/** What a lake throws where it failed, or where a file of an older view is gone meanwhile. */
const passing = /^(the simulated lake failed|there is no staged file)/

/** Errors that say: try again. */
export function isPassing(error: unknown): boolean {
  if (error instanceof LogUnavailableError) return true
  // Another is at it.
  if (error instanceof StaleLeaseError || error instanceof StaleEpochError) return true
  if (error instanceof PlatformError) return error.retry !== 'never'
  if (!(error instanceof Error)) return false
  return error.name === 'DiskError' || error.name === 'ProblemError' || passing.test(error.message)
}
