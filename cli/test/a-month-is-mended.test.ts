/** The tutorial docs/tutorial/mend-history, over a data folder: every command of its page. */
import { aMonthIsMended } from './support/a-month-is-mended.ts'

aMonthIsMended('in one process', { env: async () => ({}), maxMs: 240_000 })
