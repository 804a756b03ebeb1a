/** Emissions, sinks and state that would go wrong are refused, with the step and what would happen. */
import { describe, expect, it } from 'vitest'
import { InvalidPlanError } from '../../core/errors.ts'
import { hitsPipeline } from '../jobs/hits.ts'
import { built, changed, closed, counted, kept, onClose, type Refusals } from './check-under-test.ts'
import { stateless } from './golden/plans.ts'
import { paneOutput, rowOutput, upsertOutput } from './sinks.ts'
import { fixed, hopping, session } from './windows.ts'

const refusals: Refusals = [
  // ---- emission
  [
    'panes on close of windows that never go',
    () => built((rows) => closed(rows.window('w', fixed('1m'), { lateness: 'unbounded' }))),
    "'w' has unbounded lateness, so no window could ever be forgotten, and accumulating panes on close would keep state for ever",
  ],
  [
    'panes that grow over epochs',
    () =>
      built((rows) =>
        counted(rows.window('w', fixed('1m')))
          .emit({ every: 'epoch', panes: 'accumulating' } as never)
          .write(upsertOutput('p') as never),
      ),
    'nothing is kept between epochs that could grow',
  ],
  [
    'late panes where nothing is late',
    () =>
      built((rows) =>
        counted(rows.window('w', fixed('1m')))
          .emit({ ...onClose, late: 'each' })
          .write(upsertOutput('p')),
      ),
    "'key.emit' emits late panes, but 'w' has no lateness",
  ],
  [
    'early panes after no rows',
    () =>
      built((rows) =>
        counted(rows.window('w', fixed('1m')))
          .emit({ ...onClose, early: { afterRows: 0 } })
          .write(upsertOutput('p')),
      ),
    'emits early after nothing',
  ],
  [
    'early panes after no time',
    () =>
      built((rows) =>
        counted(rows.window('w', fixed('1m')))
          .emit({ ...onClose, early: { every: '0s' } })
          .write(upsertOutput('p')),
      ),
    'emits early after nothing',
  ],
  [
    'late panes after half a row',
    () =>
      built((rows) =>
        counted(rows.window('w', fixed('1m'), { lateness: '1m' }))
          .emit({ ...onClose, late: { afterRows: 0.5 } })
          .write(upsertOutput('p')),
      ),
    'emits late after 0.5 rows',
  ],
  [
    'sessions that nothing remembers',
    () =>
      built((rows) =>
        counted(rows.window('w', session('30m', { atMost: '1h' }), { lateness: 'unbounded' }))
          .emit({ every: 'epoch', panes: 'discarding' })
          .write(paneOutput('p')),
      ),
    'pauses are found over many epochs',
  ],
  [
    'parts of sessions that may merge',
    () =>
      built((rows) =>
        counted(rows.window('w', session('30m', { atMost: '1h' }), { lateness: '1m' }))
          .emit({ on: 'close', panes: 'discarding' })
          .write(paneOutput('p')),
      ),
    'emits parts of windows that may still merge',
  ],
  [
    'panes that go nowhere',
    () => built((rows) => counted(rows.window('w', fixed('1m'))).emit(onClose)),
    "'key.emit' is written nowhere",
  ],
  // ---- sinks
  [
    'growing panes for a sink that adds',
    () =>
      built((rows) =>
        counted(rows.window('w', fixed('1m')))
          .emit(onClose)
          .write(paneOutput('p') as never),
      ),
    'every pane would count all before it again',
  ],
  [
    'parts for a sink that replaces',
    () =>
      built((rows) =>
        counted(rows.window('w', fixed('1m')))
          .emit({ on: 'close', panes: 'discarding' })
          .write(upsertOutput('p') as never),
      ),
    'the last part would stand for the whole',
  ],
  [
    'panes for a sink of rows',
    () =>
      built((rows) =>
        counted(rows.window('w', fixed('1m')))
          .emit(onClose)
          .write(rowOutput('p') as never),
      ),
    "'output:p' takes rows, but gets panes",
  ],
  [
    'rows for a sink of panes',
    () => built((rows) => rows.write(upsertOutput('p') as never)),
    "'output:p' takes panes, but gets rows of 'judge.good'",
  ],
  [
    'two sinks of one name',
    () => built((rows) => kept(rows.write(rowOutput('rows')))),
    "'output:rows' is the name of two steps",
  ],
  [
    'outputs in a job',
    changed(hitsPipeline.plan, (steps) =>
      steps.push({ kind: 'collect', name: 'output:x', after: 'enrich', columns: null, output: 'x', takes: 'rows' }),
    ),
    'hands rows to whoever runs the plan, which no job of a server does',
  ],
  [
    'two sinks of what failed',
    changed(stateless.plan, (steps) =>
      steps.push({
        kind: 'collect',
        name: 'output:x',
        after: 'judge.bad',
        columns: null,
        output: 'x',
        takes: 'refused',
      }),
    ),
    "needs one failed sink, and has 'output:refused' and 'output:x'",
  ],
  // ---- state
  [
    'state without a limit',
    () => built((rows) => closed(rows.window('w', fixed('1m'))), {}),
    "'w' keeps 1 aggregate of each open window for each (shop, page), about 168 bytes a key, without a limit; say state: { maxBytes }",
  ],
  [
    'a limit that one key does not fit',
    () => built((rows) => closed(rows.window('w', hopping('10m', { every: '1s' }))), { state: { maxBytes: 100_000 } }),
    "'w' needs about 100800 bytes a key, and all state is limited to 100000",
  ],
  ['a limit of nothing', () => built(kept, { state: { maxBytes: 0 } }), "'clicks' limits its state to 0 bytes"],
]

describe('a plan is refused', () => {
  it.each(refusals)('with %s', (_, build, message) => {
    expect(build).toThrow(InvalidPlanError)
    expect(build).toThrow(message)
  })
})
