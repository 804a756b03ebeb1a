/** What all checks of a plan ask: who reads an output, whether a column is there and of a type; and how they refuse. */
import { InvalidPlanError } from '../../core/errors.ts'
import { inputsOf, type Plan, type PlanStep, type RowType, type RowTypes } from './node/step.ts'

/** The first step that reads an output. */
export function reader(plan: Plan, output: string): PlanStep | undefined {
  return plan.steps.find((step) => inputsOf(step).includes(output))
}

/** All steps that read an output. */
export function readers(plan: Plan, output: string): readonly PlanStep[] {
  return plan.steps.filter((step) => inputsOf(step).includes(output))
}

/** Passes where the step's columns are not declared. @throws InvalidPlanError naming step, column and type */
export function checkColumn(name: string, columns: RowTypes, column: string, types: readonly RowType[]): void {
  if (columns === null) return
  const type = Object.hasOwn(columns, column) ? columns[column] : undefined
  if (type === undefined) refuse(name, `reads column '${column}', which its rows do not have`)
  if (type !== 'unknown' && !types.includes(type)) {
    refuse(name, `reads column '${column}' as ${types.join(' or ')}, but it is ${type}`)
  }
}

/** @throws InvalidPlanError always */
export function refuse(what: string, why: string): never {
  throw new InvalidPlanError(`'${what}' ${why}`)
}
