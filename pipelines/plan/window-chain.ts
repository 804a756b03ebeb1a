/** A window with all that belongs to it: how it is grouped, what is made of it, when it gives panes, and where they go. */
import type {
  AggregateStep,
  CollectStep,
  EmitStep,
  GroupByStep,
  GroupStep,
  Plan,
  WindowStep,
  WriteStep,
} from './node/step.ts'

export interface WindowChain {
  readonly window: WindowStep
  readonly group: GroupStep | GroupByStep
  readonly aggregate: AggregateStep
  readonly emit: EmitStep
  readonly sink: WriteStep | CollectStep
}

/** The chain of a window; undefined where a part is missing, which the check refuses. */
export function windowChain(plan: Plan, window: WindowStep): WindowChain | undefined {
  const after = (name: string | undefined) => plan.steps.find((step) => step.after === name)
  const above = plan.steps.find((step) => step.name === window.after)
  const group = above?.kind === 'groupBy' ? above : after(window.name)
  if (group?.kind !== 'group' && group?.kind !== 'groupBy') return undefined
  const aggregate = after(group === above ? window.name : group.name)
  if (aggregate?.kind !== 'aggregate') return undefined
  const emit = after(aggregate.name)
  if (emit?.kind !== 'emit') return undefined
  const sink = after(emit.name)
  if (sink?.kind !== 'write' && sink?.kind !== 'collect') return undefined
  return { window, group, aggregate, emit, sink }
}

/** All chains of a plan, in its order. */
export function windowChains(plan: Plan): readonly WindowChain[] {
  return plan.steps.flatMap((step) => {
    const chain = step.kind === 'window' ? windowChain(plan, step) : undefined
    return chain === undefined ? [] : [chain]
  })
}

/** Whether windows of the chain are remembered between epochs. */
export function keepsState({ emit }: Pick<WindowChain, 'emit'>): boolean {
  return 'on' in emit
}

/** Whether a window may give more than one pane. */
export function givesSeveralPanes({ window, emit }: Pick<WindowChain, 'window' | 'emit'>): boolean {
  return !('on' in emit) || emit.early !== null || window.lateness !== 0
}
