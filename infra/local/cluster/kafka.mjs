/** Kafka: one process that is broker and controller. Topics are made by whoever needs them, never by a first use. */
import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'

export const kafkaReadyLimitMs = 90_000
const formatLimitMs = 60_000

/**
 * @param {{ folder: string, log: string, port: number, controllerPort: number, lifetime: 'caller' | 'machine', installed: import('./servers.d.mts').Installed['kafka'] }} options
 * @returns {import('./server.mjs').Definition}
 */
export function defineKafka({ folder, log, port, controllerPort, lifetime, installed }) {
  const properties = join(folder, 'server.properties')
  const logging = join(folder, 'log4j2.xml')
  const data = join(folder, 'data')
  const classPath = join(installed.home, 'lib', '*')
  return {
    name: 'kafka',
    port,
    log,
    cwd: folder,
    command: [
      installed.java,
      '-Xmx512m',
      // As Trino: not the slow compiler in a life of minutes.
      ...(lifetime === 'caller' ? ['-XX:TieredStopAtLevel=1'] : []),
      `-Dlog4j2.configurationFile=${logging}`,
      '-cp',
      classPath,
      'kafka.Kafka',
      properties,
    ],
    readyLimitMs: kafkaReadyLimitMs,
    async prepare() {
      mkdirSync(folder, { recursive: true })
      writeFileSync(logging, loggingConfiguration)
      writeFileSync(properties, serverProperties({ port, controllerPort, data }))
      if (existsSync(join(data, 'meta.properties'))) return
      const format = [
        '-XX:TieredStopAtLevel=1',
        '-cp',
        classPath,
        'kafka.tools.StorageTool',
        'format',
        '-t',
        clusterId(),
        '-c',
        properties,
      ]
      await promisify(execFile)(installed.java, [`-Dlog4j2.configurationFile=${logging}`, ...format], {
        timeout: formatLimitMs,
      })
    },
    probe: () => askApiVersions(port),
    async populate() {},
  }
}

/** @param {{ port: number, controllerPort: number, data: string }} options */
function serverProperties({ port, controllerPort, data }) {
  return `process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:${controllerPort}
listeners=PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}
advertised.listeners=PLAINTEXT://127.0.0.1:${port}
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
log.dirs=${data}
auto.create.topics.enable=false
default.replication.factor=1
min.insync.replicas=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=2000
log.retention.hours=24
`
}

const loggingConfiguration = `<Configuration status="warn">
  <Appenders><Console name="out"><PatternLayout pattern="%d{ISO8601} %-5p %c{1} %m%n"/></Console></Appenders>
  <Loggers><Root level="info"><AppenderRef ref="out"/></Root></Loggers>
</Configuration>
`

/** A Kafka UUID: 16 bytes in base64url. One that begins with "-" would be taken for an option. */
function clusterId() {
  for (;;) {
    const id = randomBytes(16).toString('base64url')
    if (!id.startsWith('-')) return id
  }
}

/**
 * Sends the request every client begins with (ApiVersions, version 0) and waits for its answer. A broker that is still
 * loading has its port open but answers nothing on it.
 * @param {number} port
 * @returns {Promise<void>}
 */
function askApiVersions(port) {
  // length 10, then: API 18, version 0, correlation 1, no client id
  const request = Buffer.from([0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 1, 0xff, 0xff])
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, timeout: 2_000 })
    let received = Buffer.alloc(0)
    socket.on('connect', () => socket.write(request))
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk])
      // length, correlation, error code
      if (received.length < 10) return
      socket.destroy()
      const code = received.readInt16BE(8)
      if (code === 0) resolve()
      else reject(new Error(`ApiVersions answered error ${code}`))
    })
    socket.on('timeout', () => socket.destroy(new Error('no answer to ApiVersions')))
    socket.on('error', reject)
    socket.on('close', () => reject(new Error('connection closed without an answer to ApiVersions')))
  })
}
