/**
 * Where a run lays hands on the product: errors it wants to hear of, and ports it may replace by wrong ones, to see that
 * the simulator finds what is planted.
 */
import type { ControlStore } from '../../core/ports/control-store.ts'
import type { HitLog } from '../../core/ports/hit-log.ts'
import type { SimLake } from './servers.ts'

export interface Hands {
  log(log: HitLog): HitLog
  store<S extends ControlStore>(store: S): S
  lake(lake: SimLake): SimLake
  onRunnerError(error: unknown, then: 'retrying' | 'stopped'): void
  onMaintenanceError(error: unknown, during: string): void
}

/** The parts that are replaced by wrong ones. */
export type Planted = Partial<Pick<Hands, 'log' | 'store' | 'lake'>>
