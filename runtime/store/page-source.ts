/** Where a cursor finds pages: the writer's cache with its working version, or a reader with its pinned one. */
import type { PageSpace } from "./page-space.js";

export interface PageSource {
  readonly space: PageSpace;
  /** Whether its pages never change: it reads versions that were published. */
  readonly isPublished: boolean;
  /** Changes whenever frames that were handed out may hold something else. */
  readonly generation: number;
  /** Changes whenever the trees do. A reader's change when it pins another snapshot. */
  readonly writes: number;
  /** Makes ready for an operation that looks at a few pages on each level. */
  prepare(): void;
  frameOf(number: number): number;
  /** Page number of a tree's root, or 0 when the tree is empty. */
  rootOf(tree: number): number;
  /** Levels of a tree. */
  heightOf(tree: number): number;
}
