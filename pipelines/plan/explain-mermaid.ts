/** A plan as a Mermaid flowchart, for pages and issues. */
import { describeStep } from './describe.ts'
import { inputsOf, outputsOf, type Plan, type PlanStep } from './node/step.ts'
import { stateOf } from './state.ts'

/** Text of the chart; ends with a line feed. Steps with state have double sides, sinks are drums. */
export function explainMermaid(plan: Plan): string {
  const id = new Map<string, string>()
  for (const [at, step] of plan.steps.entries()) for (const output of outputsOf(step)) id.set(output, `s${at}`)
  const lines = ['flowchart TD']
  for (const [at, step] of plan.steps.entries()) lines.push(`  s${at}${shape(plan, step)}`)
  for (const [at, step] of plan.steps.entries()) {
    for (const input of inputsOf(step)) {
      const above = plan.steps.find((each) => outputsOf(each).includes(input))
      const branch =
        above === undefined || above.name === input ? '' : `|${escaped(input.slice(above.name.length + 1))}|`
      lines.push(`  ${id.get(input) ?? ''} -->${branch} s${at}`)
    }
  }
  return `${lines.join('\n')}\n`
}

function shape(plan: Plan, step: PlanStep): string {
  const text = `"${escaped(describeStep(step))}"`
  if (step.kind === 'read' || step.kind === 'readTable') return `([${text}])`
  if (step.kind === 'write' || step.kind === 'collect') return `[(${text})]`
  return stateOf(plan, step) === undefined ? `[${text}]` : `[[${text}]]`
}

/** Mermaid reads quotes, brackets and hashes in labels as its own. */
function escaped(text: string): string {
  return text.replace(/[#"<>&|]/g, (character) => `#${character.charCodeAt(0)};`)
}
