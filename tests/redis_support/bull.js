// One BullMQ of a given version, driven by lines on stdin: {"do": …} in, one line of JSON out.
const [, , folder, port, prefix] = process.argv;
const { Queue, Worker } = require(folder + '/node_modules/bullmq');
const connection = { host: '127.0.0.1', port: Number(port), maxRetriesPerRequest: null };
const queues = {};
const workers = [];
const processed = [];
let good = false;
const queue = (name) => (queues[name] ??= new Queue(name, { connection, prefix }));
const deeds = {
  async add({ queue: q, name, n = 1, delay, priority, attempts }) {
    const jobs = Array.from({ length: n }, (_, i) => ({ name, data: { secret: 'payload', i }, opts: { delay, priority, attempts } }));
    const added = await queue(q).addBulk(jobs);
    return added.map((j) => j.id);
  },
  async work({ queue: q, concurrency = 1 }) {
    const worker = new Worker(q, async (job) => {
      processed.push({ queue: q, id: job.id, at: Date.now() });
      if (job.name === 'slow') await new Promise((r) => setTimeout(r, 600000));
      if (job.name === 'bad' && !good) throw new Error('it broke: ' + (job.data.i % 2 ? 'odd' : 'even'));
      return 'done';
    }, { connection, prefix, concurrency });
    worker.on('error', () => {});
    workers.push(worker);
    await worker.waitUntilReady();
    return true;
  },
  async stop() { await Promise.all(workers.splice(0).map((w) => w.close(true))); return true; },
  async mend() { good = true; return true; },
  async counts({ queue: q }) { return queue(q).getJobCounts(); },
  async paused({ queue: q }) { return queue(q).isPaused(); },
  async pause({ queue: q }) { await queue(q).pause(); return true; },
  async resume({ queue: q }) { await queue(q).resume(); return true; },
  async retry({ queue: q, ids }) { for (const id of ids) await (await queue(q).getJob(id)).retry(); return true; },
  async processed() { return processed; },
  async state({ queue: q, id }) { return (await queue(q).getJob(id)).getState(); },
};
require('readline').createInterface({ input: process.stdin }).on('line', async (line) => {
  const asked = JSON.parse(line);
  let answer;
  try { answer = { ok: await deeds[asked.do](asked) }; } catch (e) { answer = { error: String(e && e.stack) }; }
  process.stdout.write(JSON.stringify(answer) + '\n');
}).on('close', () => process.exit(0));
