/** A runner of a plan with windows over the world in memory, time moved by hand, and what it has committed. */
import type { Hit } from '../../../core/hit.ts'
import type { EpochCommit } from '../../../core/ports/control-store.ts'
import type { EpochFacts, StreamRunnerOptions } from '../../runtime/runner-options.ts'
import type { StreamRunner } from '../../runtime/stream-runner.ts'
import { noInputs } from './window-plans.ts'
import { at, batch, hit, nextTurn, push, receivedAt, rowsOf, runnerOn, until, type World } from './world.ts'

export const second = 1_000
export const minute = 60 * second

/** One record, received so long after the morning, of hits of that time unless they say another. */
export function send(world: World, atMs: number, ...hits: readonly Partial<Hit>[]): void {
  push(world, [
    batch(
      hits.map((each) => hit({ time: at(atMs), ...each })),
      { received: receivedAt(atMs) },
    ),
  ])
}

export async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await nextTurn()
}

/** Commits what was sent, without time passing. */
export async function commit(runner: StreamRunner, next: number): Promise<void> {
  await until(() => {
    runner.kick()
    return runner.positions[0]?.next === next
  })
}

/** Time passes, and whatever it brings about happens. */
export async function pass(world: World, ms: number): Promise<void> {
  world.clock.advance(ms)
  await turns(20)
}

/** `name timing number hits`, as they were committed. */
export async function panesOf(world: World): Promise<readonly string[]> {
  const rows = await rowsOf(world, 'sessions')
  return rows.map(({ visitor, name, pageviews, hits }) => `${visitor} ${name} ${pageviews} ${hits}`).sort()
}

export interface Commits {
  readonly commits: EpochCommit[]
  readonly facts: EpochFacts[]
}

export async function started(
  world: World,
  changes: Partial<StreamRunnerOptions>,
): Promise<{ runner: StreamRunner } & Commits> {
  const commits: EpochCommit[] = []
  const facts: EpochFacts[] = []
  const store = {
    ...world.store,
    commitEpoch: (epoch: EpochCommit) => {
      commits.push(epoch)
      return world.store.commitEpoch(epoch)
    },
  }
  const runner = runnerOn(world, { store, inputs: noInputs, onEpoch: (epoch) => facts.push(epoch), ...changes })
  await runner.start()
  return { runner, commits, facts }
}
