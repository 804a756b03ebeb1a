/** The compiled checks of a hit, one for each thing that may be known of its strings beforehand. */
import { type Check, compileCheck } from './compile-check.ts'
import { hitSchema } from './hit-schema.ts'
import { isLine, isText, type TextKnowledge } from './text.ts'

/** Each accepts exactly what `hitSchema` accepts, of the bodies it is for. */
export const hitChecks: Readonly<Record<TextKnowledge, Check>> = {
  unknown: compileCheck(hitSchema),
  whole: compileCheck(hitSchema, [isText]),
  plain: compileCheck(hitSchema, [isText, isLine]),
}
