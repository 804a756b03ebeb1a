/** This release's own pipeline, of its modules, under the version that its build gave it. */
import { InvalidPlanError } from '../../../core/errors.ts'
import { type Pipeline, pipelineOf, versionOf } from '../../plan/draft.ts'
import { parsePlan } from '../../plan/node/parse-plan.ts'
import type { BuiltPlan } from './plan-record.ts'

/**
 * The same code, named as the file of it is: the compiler prints a lambda otherwise than the bundler, and another text
 * would be another plan.
 * @throws InvalidPlanError where the build is of another pipeline
 */
export function asBuilt(
  pipeline: Pipeline,
  built: Pick<BuiltPlan, 'pipeline' | 'version' | 'text' | 'code'>,
): Pipeline {
  const { lambdas, sinks } = pipeline
  const { text, code } = built
  const made = pipelineOf({ plan: parsePlan(text), lambdas, sinks, text, code })
  const fits = made.plan.name === pipeline.plan.name && stepsOf(made) === stepsOf(pipeline)
  if (fits && versionOf(made) === built.version) return made
  throw new InvalidPlanError(
    `the build of '${built.pipeline}' is not of these modules; build the release again, or install it anew`,
  )
}

function stepsOf({ plan }: Pipeline): string {
  return plan.steps.map(({ kind, name }) => `${kind} ${name}`).join()
}
