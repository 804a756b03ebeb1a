/** Which runs leave a record, and what of the last record stays. */
import type { MeasurementRecord } from './record.ts'

/** Before what a program says of one run. */
export const thisRun = 'This run: '
/** Remarks that begin so go with the figures they explain; all others outlive them. */
const ofOneRun = [thisRun, 'Carried over']

/** Whether a run's record takes the place of the last one: a quick run's only of a quick one, unless somebody insists. */
export function takesPlaceOf(
  last: Pick<MeasurementRecord, 'quick'> | undefined,
  { quick, insists }: { readonly quick: boolean; readonly insists: boolean },
): boolean {
  return !quick || insists || last === undefined || last.quick === true
}

/** The new record's remarks: those of this run, then what is lasting of the last one's. */
export function remarksAfter(found: readonly string[], last: readonly string[]): readonly string[] {
  const lasting = last.filter((text) => !ofOneRun.some((start) => text.startsWith(start)))
  return [...found.map((text) => `${thisRun}${text}`), ...lasting]
}
