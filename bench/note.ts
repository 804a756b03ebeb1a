/**
 * `npm run bench:note -- --suite ci --title "All of CI" --command ".ci/run" --figure "all of it=23.5 min"`: a record of
 * figures that something measured which writes none itself: a test run, the simulator, a run over night. `--figure` and
 * `--remark` may be repeated. Date, commit and load are of now and here, unless `--date`, `--commit` and `--load` say how it was
 * when it was measured.
 */
import { parseArgs } from 'node:util'
import { withGoals } from './goals.ts'
import { noted } from './noted.ts'
import { circumstances, writeRecord } from './record.ts'

const { values } = parseArgs({
  options: {
    suite: { type: 'string', default: '' },
    title: { type: 'string', default: '' },
    command: { type: 'string', default: '' },
    figure: { type: 'string', multiple: true, default: [] },
    remark: { type: 'string', multiple: true, default: [] },
    date: { type: 'string' },
    commit: { type: 'string' },
    load: { type: 'string' },
  },
})
const { suite, title, command, remark } = values
if (title === '' || command === '') throw new Error('say --title and --command, for the page shows both')
const figures = withGoals(suite, values.figure.map(noted))
const now = circumstances()
const taken = {
  ...now,
  date: values.date ?? now.date,
  commit: values.commit ?? now.commit,
  // Nobody knows any more what the load was at another time.
  loadBefore: values.load === undefined ? (values.date === undefined ? now.loadBefore : null) : Number(values.load),
}
console.log(writeRecord({ suite, title, command, figures, remarks: remark }, taken))
