// A bank of filters learned from picture patches: whitening (ZCA), then spherical k-means on the whitened patches; both signs of every filter.
// The whitening is folded into the filters, so that one convolution computes filter·whiten(patch − mean) − threshold.
import { multiply } from '../../agent/learn/gather.ts';

/** a [rows, inner] times b [inner, columns]. */
const times = (a, [rows, inner], b, [, columns]) => multiply({ data: a, rows, inner }, { data: b, columns, transposed: false }, 2);

/** Gives weights [2·filters, 3·patch·patch] and biases. */
export async function patchFilters(pictures, { edge, patch, filters, threshold, patches, rounds, seed }) {
  const size = 3 * patch * patch;
  const random = createRandom(seed);
  const cut = cutPatches(pictures, edge, patch, patches, random);
  const mean = columnMeans(cut, size);
  for (let at = 0; at < cut.length; at += 1) cut[at] -= mean[at % size];
  const covariance = Float64Array.from(
    await times(transposed(cut, patches, size), [size, patches], cut, [patches, size]),
    (sum) => sum / patches,
  );
  const whitening = inverseRoot(covariance, size, 0.1);
  const white = await times(cut, [patches, size], whitening, [size, size]);
  const centres = await sphericalMeans(white, patches, size, filters, rounds, random);
  const weights = new Float32Array(2 * filters * size);
  const biases = new Float32Array(2 * filters);
  for (let filter = 0; filter < filters; filter += 1) {
    let shift = 0;
    for (let d = 0; d < size; d += 1) {
      let sum = 0;
      for (let e = 0; e < size; e += 1) sum += centres[e * filters + filter] * whitening[e * size + d];
      weights[filter * size + d] = sum;
      weights[(filters + filter) * size + d] = -sum;
      shift += sum * mean[d];
    }
    biases[filter] = -shift - threshold;
    biases[filters + filter] = shift - threshold;
  }
  return { weights, biases, channels: 2 * filters };
}

function createRandom(seed) {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

function cutPatches(pictures, edge, patch, count, random) {
  const size = 3 * patch * patch;
  const cut = new Float32Array(count * size);
  for (let n = 0; n < count; n += 1) {
    const x = pictures[Math.floor(random() * pictures.length)];
    const top = Math.floor(random() * (edge - patch + 1));
    const left = Math.floor(random() * (edge - patch + 1));
    for (let d = 0; d < size; d += 1) {
      const channel = Math.floor(d / (patch * patch));
      const row = Math.floor(d / patch) % patch;
      cut[n * size + d] = x[channel * edge * edge + (top + row) * edge + left + (d % patch)];
    }
  }
  return cut;
}

function columnMeans(rows, size) {
  const means = new Float64Array(size);
  for (let at = 0; at < rows.length; at += 1) means[at % size] += rows[at] / (rows.length / size);
  return means;
}

function transposed(rows, count, size) {
  const turned = new Float32Array(rows.length);
  for (let n = 0; n < count; n += 1) for (let d = 0; d < size; d += 1) turned[d * count + n] = rows[n * size + d];
  return turned;
}

/** (C + εI)^−½ of a symmetric matrix, by Jacobi rotations. */
function inverseRoot(matrix, size, epsilon) {
  const a = Float64Array.from(matrix);
  const v = new Float64Array(size * size);
  for (let i = 0; i < size; i += 1) v[i * size + i] = 1;
  for (let sweep = 0; sweep < 30; sweep += 1) {
    let off = 0;
    for (let p = 0; p < size; p += 1) {
      for (let q = p + 1; q < size; q += 1) {
        const apq = a[p * size + q];
        off += apq * apq;
        if (Math.abs(apq) < 1e-12) continue;
        const half = (a[q * size + q] - a[p * size + p]) / (2 * apq);
        const t = Math.sign(half || 1) / (Math.abs(half) + Math.hypot(half, 1));
        const c = 1 / Math.hypot(t, 1);
        const s = t * c;
        for (let k = 0; k < size; k += 1) rotate(a, k * size + p, k * size + q, c, s);
        for (let k = 0; k < size; k += 1) rotate(a, p * size + k, q * size + k, c, s);
        for (let k = 0; k < size; k += 1) rotate(v, k * size + p, k * size + q, c, s);
      }
    }
    if (off < 1e-10) break;
  }
  const root = new Float32Array(size * size);
  for (let i = 0; i < size; i += 1) {
    for (let j = 0; j < size; j += 1) {
      let sum = 0;
      for (let k = 0; k < size; k += 1) sum += (v[i * size + k] * v[j * size + k]) / Math.sqrt(Math.max(a[k * size + k], 0) + epsilon);
      root[i * size + j] = sum;
    }
  }
  return root;
}

function rotate(m, i, j, c, s) {
  const x = m[i];
  const y = m[j];
  m[i] = c * x - s * y;
  m[j] = s * x + c * y;
}

/** Unit vectors that patches are closest to by |cosine|, as columns [size, filters]. */
async function sphericalMeans(white, count, size, filters, rounds, random) {
  let centres = new Float32Array(size * filters);
  const restart = (into, filter) => {
    const n = Math.floor(random() * count);
    for (let d = 0; d < size; d += 1) into[d * filters + filter] = white[n * size + d];
  };
  for (let filter = 0; filter < filters; filter += 1) restart(centres, filter);
  normalise(centres, size, filters);
  for (let round = 0; round < rounds; round += 1) {
    const scores = await times(white, [count, size], centres, [size, filters]);
    const sums = new Float32Array(size * filters);
    const members = new Int32Array(filters);
    for (let n = 0; n < count; n += 1) {
      let best = 0;
      for (let filter = 1; filter < filters; filter += 1)
        if (Math.abs(scores[n * filters + filter]) > Math.abs(scores[n * filters + best])) best = filter;
      members[best] += 1;
      for (let d = 0; d < size; d += 1) sums[d * filters + best] += scores[n * filters + best] * white[n * size + d];
    }
    for (let filter = 0; filter < filters; filter += 1) if (members[filter] < 10) restart(sums, filter);
    normalise(sums, size, filters);
    centres = sums;
  }
  return centres;
}

function normalise(columns, size, filters) {
  for (let filter = 0; filter < filters; filter += 1) {
    let sum = 0;
    for (let d = 0; d < size; d += 1) sum += columns[d * filters + filter] ** 2;
    const length = Math.sqrt(sum) || 1;
    for (let d = 0; d < size; d += 1) columns[d * filters + filter] /= length;
  }
}
