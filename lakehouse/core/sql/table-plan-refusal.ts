/** What of the language of plans over tables has no SQL here, by name: such a plan runs by operators. */
import { dayMs } from '../../../core/event-time.ts'
import type { PlanType, TablePlan } from './table-plan.ts'
import { cellMs } from './table-plan-range.ts'
import { rowTypes } from './table-plan-rows.ts'

/** Windows of a row, at most, for which each row is written once more. */
export const tablePlanMaxHops = 1_440

/** Why the plan has no SQL; null where it has. */
export function sqlRefusal(plan: TablePlan): string | null {
  return tableRefusal(plan) ?? literalRefusal(plan) ?? windowRefusal(plan) ?? typeRefusal(plan) ?? nameRefusal(plan)
}

/** Rows of these are made again by derivations, and only the control store says which hold. */
const superseded: readonly string[] = ['daily', 'sessions']

function tableRefusal({ table }: TablePlan): string | null {
  if (!superseded.includes(table)) return null
  return `it reads '${table}', of whose rows newer ones supersede older ones: which hold, no column says`
}

function literalRefusal({ rowSteps, aggregates, derived }: TablePlan): string | null {
  const compared = [
    ...rowSteps.flatMap((step) => (step.kind === 'where' ? [step.where] : Object.values(step.derived))),
    ...Object.values(aggregates),
    ...derived.map(([, of]) => of),
  ]
  for (const each of compared) {
    const is = 'is' in each ? each.is : undefined
    if (typeof is === 'string' && /\p{Surrogate}/u.test(is))
      return 'it compares with half a character, which no text of the lake holds'
    if (typeof is === 'number' && !Number.isSafeInteger(is))
      return `it compares with ${is}, and only whole numbers have an exact literal`
  }
  return null
}

function windowRefusal({ window }: TablePlan): string | null {
  if (window.kind === 'session') {
    const cell = cellMs(window)
    if (cell > dayMs) return `its sessions are decided by stretches of ${cell} ms, longer than a day`
    if (window.atMostMs < cell)
      return `its sessions are cut at ${window.atMostMs} ms, before a pause of ${cell} ms could end them`
  }
  if (window.kind === 'hopping' && Math.ceil(window.sizeMs / window.everyMs) > tablePlanMaxHops) {
    return `its windows put a row into more than ${tablePlanMaxHops}`
  }
  return null
}

const exact: readonly PlanType[] = ['string', 'boolean', 'int', 'long', 'instant', 'bigint']

function typeRefusal(plan: TablePlan): string | null {
  const types = rowTypes(plan)
  const used = [
    ...plan.by,
    ...Object.values(plan.aggregates).flatMap((node) => (node.kind === 'count' ? [] : [node.column])),
  ]
  const inexact = used.find((name) => !exact.includes(types[name] ?? 'unknown'))
  return inexact === undefined
    ? null
    : `column '${inexact}' is ${types[inexact] ?? 'unknown'}, whose text differs between engines`
}

/** Engines do not tell names apart by case. */
function nameRefusal(plan: TablePlan): string | null {
  const made = [...plan.by, ...Object.keys(plan.aggregates), ...plan.derived.map(([name]) => name)]
  for (const names of [made, Object.keys(rowTypes(plan))]) {
    const seen = new Map<string, string>()
    for (const name of names) {
      const other = seen.get(name.toLowerCase())
      if (other !== undefined) return `columns '${other}' and '${name}' differ in case alone`
      seen.set(name.toLowerCase(), name)
    }
    if (names.some((name) => name.includes('\0'))) return 'the name of a column holds a NUL'
  }
  return null
}
