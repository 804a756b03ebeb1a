/**
 * Random lives of a control store beside a naive model of derived ranges; registered by `controlStoreContract`. The model
 * keeps every version that readers ever heard of and every unit ever derived, and looks through all of it.
 */
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { dayMs } from '../event-time.ts'
import { type ControlStoreUnderTest, merchantId } from './control-store.contract.ts'
import type { EpochCommit } from './control-store.ts'
import { setUpDerivations, touch } from './control-store-derivations.contract.ts'
import { fileOf } from './control-store-epochs.contract.ts'
import type { DerivedUnit } from './maintenance-store.ts'

/** Fewer changes than a life makes, so that most of them are listed no longer when they count. */
const maxVersions = 8
const lifeRuns = 8

const days = fc.nat({ max: 9 })
const merchants = fc.constantFrom('a', 'b')
/** UTC days, and days of a zone that lies behind by some hours. */
const units = fc
  .record({ merchant: merchants, day: days, hours: fc.constantFrom(0, 0, 6, 13) })
  .map(({ merchant, day, hours }): DerivedUnit => {
    const start = day * dayMs + hours * 3_600_000
    return { merchant: merchantId(merchant), start, end: start + dayMs }
  })

const overlap = (a: DerivedUnit, b: DerivedUnit) => a.merchant === b.merchant && a.start < b.end && a.end > b.start

const steps = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('commit' as const),
      touched: fc.array(fc.tuple(merchants, days), { maxLength: 3 }),
      file: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('publish' as const) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('begin' as const),
      units: fc.uniqueArray(units, {
        minLength: 1,
        maxLength: 4,
        comparator: overlap,
      }),
      reads: fc.constantFrom('pending' as const, 'published' as const),
    }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('finish' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('rewrite' as const), merchant: merchants, day: days }) },
)

export function rangesModelContract(under: ControlStoreUnderTest): void {
  it('are those that a model finds that forgets nothing, in any life', async () => {
    let right = 0
    const life = fc.asyncProperty(fc.array(steps, { minLength: 20, maxLength: 35 }), async (sequence) => {
      right += await live(under, sequence)
    })
    await fc.assert(life, { numRuns: lifeRuns, endOnFailure: true })
    expect(right).toBeGreaterThan(lifeRuns)
  }, 120_000)
}

interface Known extends DerivedUnit {
  readonly id: number
  /** Numbers above it are of what the derivation did not read. */
  readonly readTo: number
}

type Step = typeof steps extends fc.Arbitrary<infer Each> ? Each : never

/** Returns how many ranges were right, over all questions. */
async function live(under: ControlStoreUnderTest, sequence: readonly Step[]): Promise<number> {
  const { store, lease, commit, publish, begin } = await setUpDerivations(under, { maxVersions })
  const changes: { readonly merchant: string; readonly day: number; readonly version: number }[] = []
  const whenPublished = await hearsOfPublications(under)
  /** Committed, to be heard of when it is published. */
  let unheard: EpochCommit['touched'] = []
  let heard = 0
  let readTo = 0
  let files = 0
  let right = 0
  let known: readonly Known[] = []

  /** What readers hear of by a step, under the newest number there is after it. */
  async function hear(touched: EpochCommit['touched']): Promise<void> {
    heard = (await store.versionsSince(Number.MAX_SAFE_INTEGER)).commit
    changes.push(...touched.map((each) => ({ ...each, version: heard })))
  }

  function expected(merchant: string, reach: { readonly daysBefore: number; readonly daysAfter: number }) {
    return known
      .filter((each) => each.merchant === merchant)
      .filter(({ start, end, readTo: to }) => {
        const first = Math.floor(start / dayMs) - reach.daysBefore
        const last = Math.floor((end - 1) / dayMs) + reach.daysAfter
        return !changes.some(
          (change) => change.merchant === merchant && change.day >= first && change.day <= last && change.version > to,
        )
      })
      .map(({ start, end, id }) => ({ start, end, publish: id }))
      .sort((a, b) => a.start - b.start)
  }

  for (const step of sequence) {
    const open = await store.openDerivation('daily')
    if (step.do === 'commit') {
      const staged = step.file ? [fileOf(`f${files++}`, { table: 'hourly' })] : []
      const touched = step.touched.map(([merchant, day]) => touch(merchant, day))
      await commit({ staged, touched })
      if (whenPublished && step.file) unheard = [...unheard, ...touched]
      else await hear(touched)
    } else if (step.do === 'publish') {
      if ((await store.unpublished('hourly')).length > 0) await publish('hourly', `s${files}`)
      await hear(unheard)
      unheard = []
    } else if (step.do === 'begin' && open === undefined) {
      const begun = await begin(step.units, { reads: step.reads })
      // What was published was read in either case. Where readers hear of commits, those not published were not.
      const newest = (await store.versionsSince(Number.MAX_SAFE_INTEGER)).commit
      readTo = step.reads === 'pending' || whenPublished ? newest : begun.through
    } else if (step.do === 'finish' && open !== undefined) {
      await store.finishDerivation('daily', 'maintain', lease, open.id, 's')
      const overlaps = (each: Known) => open.units.some((unit) => overlap(unit, each))
      known = [
        ...known.filter((each) => !overlaps(each)),
        ...open.units.map((unit) => ({ ...unit, id: open.id, readTo })),
      ]
    } else if (step.do === 'rewrite') {
      const { snapshot: replaces } = await store.tableView('hits')
      const touched = [touch(step.merchant, step.day)]
      await store.finishRewrite('hits', 'maintain', lease, { snapshot: `r${files++}`, replaces, touched })
      await hear(touched)
    }
    for (const merchant of ['a', 'b']) {
      for (const reach of [
        { daysBefore: 0, daysAfter: 0 },
        { daysBefore: 2, daysAfter: 1 },
      ]) {
        const question = { table: 'daily', merchant: merchantId(merchant), from: 0, to: 20 * dayMs, reach } as const
        const found = await store.derivedRanges(question)
        expect(found).toEqual(expected(merchant, reach))
        right += found.length
      }
    }
  }
  return right
}

const whenHeard = new WeakMap<ControlStoreUnderTest, Promise<boolean>>()

/** Whether readers of such a store hear of a change when it is published, and not when it is committed. */
function hearsOfPublications(under: ControlStoreUnderTest): Promise<boolean> {
  const known = whenHeard.get(under)
  if (known !== undefined) return known
  const asked = setUpDerivations(under).then(async ({ store, commit }) => {
    await commit({ staged: [fileOf('f', { table: 'hourly' })], touched: [touch('a', 1)] })
    return (await store.versionsSince(0)).changes.length === 0
  })
  whenHeard.set(under, asked)
  return asked
}
