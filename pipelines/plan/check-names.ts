/** Checks of names and of what comes after what: a step is found again by its name, and read by that of another. */
import { refuse } from './check-column.ts'
import { inputsOf, outputsOf, type Plan, type PlanStep } from './node/step.ts'

/** Longest name of a step, in characters: it becomes part of object names and a label of metrics. */
export const stepNameMaxLength = 64
const pattern = /^[A-Za-z0-9][A-Za-z0-9_-]*$/
const made = /^(read|write|output):/
const derived = /(\.(aggregate|emit|derive))+$/

/** @throws InvalidPlanError */
export function checkNames(plan: Plan): void {
  checkName(plan.name, plan.name)
  const seen = new Set<string>()
  const outputs = new Map<string, PlanStep>()
  for (const step of plan.steps) {
    if (step.name.trim() === '') refuse('a step', 'has no name; its state could not be found again after a change')
    checkName(step.name, step.name.replace(made, '').replace(derived, ''))
    if (step.kind === 'split') for (const branch of step.to) checkName(step.name, branch)
    if (seen.has(step.name)) {
      refuse(step.name, 'is the name of two steps; one would read the state of the other after a restart')
    }
    for (const input of inputsOf(step)) checkInput(step, input, seen, outputs)
    seen.add(step.name)
    for (const output of outputsOf(step)) outputs.set(output, step)
  }
  checkFormer(plan, seen)
}

function checkInput(
  step: PlanStep,
  input: string,
  seen: ReadonlySet<string>,
  outputs: ReadonlyMap<string, PlanStep>,
): void {
  if (outputs.has(input)) return
  if (seen.has(input)) refuse(step.name, `comes after '${input}', which gives rows by its branches only`)
  if (input === step.name || outputsOf(step).includes(input))
    refuse(step.name, 'comes after itself: rows would go round')
  const above = input.slice(0, Math.max(0, input.lastIndexOf('.')))
  if (seen.has(above)) refuse(step.name, `comes after '${input}', and '${above}' has no such branch`)
  refuse(step.name, `comes after '${input}', which is not above it`)
}

/** Names that steps had before: state is found by them, so each must mean one step. */
function checkFormer(plan: Plan, names: ReadonlySet<string>): void {
  const claimed = new Map<string, string>()
  for (const step of plan.steps) {
    for (const was of step.was ?? []) {
      checkName(step.name, was)
      if (was === step.name) refuse(step.name, 'says that it was called what it is called')
      if (names.has(was)) refuse(step.name, `says that it was '${was}', which is another step of this plan`)
      const other = claimed.get(was)
      if (other === step.name) refuse(step.name, `says twice that it was '${was}'`)
      if (other !== undefined)
        refuse(step.name, `says that it was '${was}', and so does '${other}': one state, two heirs`)
      claimed.set(was, step.name)
    }
  }
}

function checkName(step: string, name: string): void {
  if (name.length > stepNameMaxLength) {
    refuse(step, `has a name of ${name.length} characters, at most ${stepNameMaxLength}`)
  }
  if (pattern.test(name)) return
  refuse(
    step,
    `has '${name}' for a name; metrics and objects are named by it, so letters, digits, '-' and '_' only, a letter or digit first`,
  )
}
