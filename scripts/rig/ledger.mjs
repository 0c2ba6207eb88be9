// What a device must know, by what it acknowledged: files that were dropped, labels, what was forgotten. What was asked and not yet answered may
// be either way; the first look after the next start says which. Takes rows of its store, gives sentences about what is wrong with them.
export function createLedger() {
  /** File → its sample, as soon as that was seen. */
  const files = new Map();
  /** Sample → labels that it may have, and how many requests about it are under way. */
  const samples = new Map();
  const gone = new Set();
  const mayBeGone = new Set();

  const isFree = (id) => samples.has(id) && samples.get(id).pending === 0 && !mayBeGone.has(id);

  function take({ id, file, label }) {
    if (file !== null) files.set(file, id);
    if (!samples.has(id)) samples.set(id, { file, may: new Set([label]), pending: 0 });
  }

  function forgotten(id) {
    mayBeGone.delete(id);
    gone.add(id);
  }

  return {
    files,
    gone,
    dropped: (file) => files.set(file, null),
    /** Samples of files that nothing is being asked about, the newest last. */
    free: () => [...files.values()].filter((id) => id !== null && !gone.has(id) && isFree(id)),
    fileOf: (id) => samples.get(id).file,
    waiting: () => [...files].filter(([, id]) => id === null).map(([file]) => file),
    wishLabel(id, label) {
      const sample = samples.get(id);
      sample.may.add(label);
      sample.pending += 1;
    },
    acknowledged(id, label) {
      samples.set(id, { ...samples.get(id), may: new Set([label]) });
      samples.get(id).pending -= 1;
    },
    /** Refused, or cut off: it may have happened all the same. */
    unanswered(id) {
      samples.get(id).pending -= 1;
    },
    wishForget(id) {
      mayBeGone.add(id);
      samples.get(id).pending += 1;
    },
    forgetAnswered(id, isDone) {
      samples.get(id).pending -= 1;
      if (isDone) forgotten(id);
    },
    /** `settled`: nothing that was cut off is still being done, so what is there now stays. Gives what is wrong, by promise. */
    compare(rows, settled) {
      const wrong = [];
      const there = new Map(rows.map((row) => [row.id, row]));
      const seen = new Set();
      for (const row of rows) {
        if (gone.has(row.id)) wrong.push(['forgotten', `sample ${row.id} is back`]);
        if (row.file === null) continue;
        if (seen.has(row.file)) wrong.push(['samples', `${row.file} is there twice`]);
        seen.add(row.file);
        const known = files.get(row.file);
        if (known === undefined) wrong.push(['samples', `${row.file} was never dropped`]);
        if (known !== null && known !== undefined && known !== row.id)
          wrong.push(['samples', `${row.file} is another sample now: ${row.id}, was ${known}`]);
        const folder = row.file.includes('/') ? row.file.split('/')[0] : null;
        if (!samples.has(row.id) && row.label !== folder) wrong.push(['labels', `${row.file} came with the label ${row.label}`]);
        take(row);
      }
      for (const [id, sample] of samples) {
        if (gone.has(id)) continue;
        const row = there.get(id);
        if (row === undefined) {
          if (!mayBeGone.has(id)) wrong.push(['samples', `sample ${id} (${sample.file}) is gone`]);
          else if (settled && sample.pending === 0) forgotten(id);
          continue;
        }
        if (!sample.may.has(row.label)) wrong.push(['labels', `sample ${id} is ${row.label}, and not ${[...sample.may].join(' or ')}`]);
        if (!settled || sample.pending > 0) continue;
        mayBeGone.delete(id);
        sample.may = new Set([row.label]);
      }
      return wrong;
    },
    labels: () => [...samples].filter(([id, { may }]) => !gone.has(id) && may.size === 1 && !may.has(null)).length,
  };
}
