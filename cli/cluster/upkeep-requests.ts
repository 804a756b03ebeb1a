/**
 * How a gateway asks the role `maintenance` to do something with a table at once: by an object in the store that all roles
 * share, answered by another. Only the process that holds the table's lease takes a request, and only one (what changes no table any may take); all that can be
 * asked may be repeated, so a request whose answer is lost does no harm.
 *
 * | object below `upkeep/` | written by | says |
 * |---|---|---|
 * | `<time>-<id>.asked.json` | gateway | what is asked |
 * | `<time>-<id>.taken.json` | maintenance | somebody works at it |
 * | `<time>-<id>.answer.json` | maintenance | the outcome |
 */
import { carryError, restoreError } from '../../core/adapters/thread/remote.ts'
import { EngineUnavailableError } from '../../core/errors.ts'
import { type Clock, type Random, sleep, type Timers } from '../../core/ports/clock.ts'
import type { LakeUpkeep } from '../../core/ports/lake.ts'
import type { ObjectStore } from '../../core/ports/object-store.ts'
import type { PlannedRerun, RerunPlanner } from '../../core/ports/rerun-service.ts'
import type { TableName } from '../../core/tables.ts'

export const upkeepFolder = 'upkeep/'
/** How often maintenance looks for requests, and a gateway for answers. */
export const upkeepPollMs = 1_000
/** A request that nobody has taken by then is withdrawn: no process holds the table's lease, or all are busy. */
export const takenWithinMs = 20_000
/** Longest that a gateway waits for an answer; below the five minutes after which clients give a request up. */
export const answeredWithinMs = 240_000
/** What is left of requests whose gateway died goes after this. */
export const requestKeepMs = 3_600_000

/** What changes a table, and so is the work of whoever holds its lease. */
export type UpkeepCalls = Pick<LakeUpkeep, 'expire' | 'removeOrphans' | 'compact' | 'rollback'>

/** What only a process that reads the lake and runs plans can say; any of them may. */
export type PlanningCalls = { planRerun: RerunPlanner['plan'] }

type Calls = UpkeepCalls & PlanningCalls
type CallName = keyof Calls
const callNames: readonly CallName[] = ['expire', 'removeOrphans', 'compact', 'rollback', 'planRerun']

interface Asked {
  readonly call: CallName
  /** Of what changes a table, the table first. */
  readonly args: readonly unknown[]
}

type Answer = { readonly value: unknown } | { readonly error: ReturnType<typeof carryError> }

export interface UpkeepRequestsOptions {
  readonly objects: Pick<ObjectStore, 'put' | 'putIfAbsent' | 'get' | 'list' | 'remove' | 'size'>
  readonly clock: Pick<Clock, 'now' | 'monotonic'>
  readonly timers: Timers
}

/** The gateway's side. Null also where no answer came in time; then the work may still be done. */
export function askUpkeep(options: UpkeepRequestsOptions & { readonly random: Random }): Calls {
  const { objects, clock, timers, random } = options

  async function ask(asked: Asked): Promise<unknown> {
    const id = `${String(clock.now()).padStart(14, '0')}-${Buffer.from(random.bytes(8)).toString('hex')}`
    const name = (part: 'asked' | 'taken' | 'answer') => `${upkeepFolder}${id}.${part}.json`
    const began = clock.monotonic()
    await objects.put(name('asked'), Buffer.from(JSON.stringify(asked)))
    try {
      for (;;) {
        await sleep(timers, upkeepPollMs)
        const answer = await objects.get(name('answer'))
        if (answer !== undefined) return outcomeOf(JSON.parse(answer.toString('utf8')))
        const waitedMs = clock.monotonic() - began
        if (waitedMs >= answeredWithinMs) return null
        if (waitedMs >= takenWithinMs && (await objects.size(name('taken'))) === undefined) return null
      }
    } finally {
      // The request first: whoever finds it unmarked after that finds it gone.
      for (const part of ['asked', 'taken', 'answer'] as const) await objects.remove(name(part))
    }
  }

  const call =
    <Name extends keyof UpkeepCalls>(name: Name) =>
    (...args: Parameters<UpkeepCalls[Name]>) =>
      ask({ call: name, args }) as ReturnType<UpkeepCalls[Name]>
  return {
    expire: call('expire'),
    removeOrphans: call('removeOrphans'),
    compact: call('compact'),
    rollback: call('rollback'),
    async planRerun(question) {
      const planned = await ask({ call: 'planRerun', args: [question] })
      if (planned !== null) return planned as PlannedRerun
      // No process of the role maintenance runs, or all are busy.
      throw new EngineUnavailableError()
    },
  }
}

function outcomeOf(answer: Answer): unknown {
  if ('error' in answer) throw restoreError(answer.error)
  return answer.value
}

/** The side of maintenance: answers requests until it is stopped. */
export function answerUpkeep(
  options: UpkeepRequestsOptions & {
    readonly calls: Calls
    /** Whether this process has the table's lease, or gets it. */
    readonly holds: (table: TableName) => Promise<boolean>
    /** Requests could not be looked for; it is tried again. */
    readonly onError: (error: unknown) => void
  },
): { stop(): Promise<void> } {
  const { objects, clock, timers, calls } = options
  let stopped = false
  let cancelTimer = () => {}
  let running: Promise<void> = Promise.resolve()

  async function look(): Promise<void> {
    for (const name of await objects.list(upkeepFolder)) {
      if (stopped) return
      const [, at, kind] = /\/(\d{14})-[0-9a-f]+\.(asked|taken|answer)\.json$/.exec(name) ?? []
      if (at === undefined) continue
      const ageMs = clock.now() - Number(at)
      if (ageMs >= requestKeepMs) await objects.remove(name)
      else if (kind === 'asked' && ageMs < takenWithinMs) await answer(name)
    }
  }

  async function answer(name: string): Promise<void> {
    const bytes = await objects.get(name)
    if (bytes === undefined) return
    const asked = JSON.parse(bytes.toString('utf8')) as Asked
    if (!callNames.includes(asked.call)) return
    if (asked.call !== 'planRerun' && !(await options.holds(asked.args[0] as TableName))) return
    const taken = name.replace('.asked.', '.taken.')
    if (!(await objects.putIfAbsent(taken, Buffer.from('{}')))) return
    // Answered by another since it was read, and cleared away.
    if ((await objects.size(name)) === undefined) return objects.remove(taken)
    const outcome: Answer = await workAt(asked).then(
      (value) => ({ value }),
      (error: unknown) => ({ error: carryError(error) }),
    )
    await objects.put(name.replace('.asked.', '.answer.'), Buffer.from(JSON.stringify(outcome)))
  }

  async function workAt({ call, args }: Asked): Promise<unknown> {
    return (calls[call] as (...args: readonly unknown[]) => Promise<unknown>)(...args)
  }

  function arm(): void {
    if (stopped) return
    cancelTimer = timers.after(upkeepPollMs, () => {
      running = look().catch(options.onError).finally(arm)
    })
  }
  arm()

  return {
    async stop() {
      stopped = true
      cancelTimer()
      await running
    },
  }
}
