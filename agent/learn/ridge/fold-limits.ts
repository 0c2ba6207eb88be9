// How the forms of ridge regression that leave out fold by fold go about it: shared by `primal-ridge.ts` and `kernel-ridge.ts`.

export const maxFolds = 5;
/** Predictions of left-out rows need no more digits than the choice between powers of λ. */
export const foldTolerance = 1e-4;
export const finalTolerance = 1e-6;
