"""The user's comments, on the nodes that stand for what they speak of."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

from transpile.frontends.regions import Region, only_blank
from transpile.ir import Branch, Loop, Model, Node, Span, Statement
from transpile.source import Comment, Source


def with_comments(model: Model, region: Region, source: Source) -> tuple[Model, list[Comment]]:
    """The model with the user's comments on its nodes; also which comments those are."""
    spans = [source.span(s) for s in region.deleted] + [region.construct]
    spans = [Span(s.start, source.line_end(s.end - 1), s.line, s.column) for s in spans]
    spans.sort(key=lambda s: s.start)
    inside = [c for c in source.comments if _covered(c, spans, region.construct, source)]
    return _commented(model, inside, source), inside


def with_inner_comments(model: Model, source: Source) -> Model:
    """A helper's class with the comments of the function it was."""
    span = model.span
    inside = [c for c in source.comments if span and span.start <= c.start < span.end]
    return _commented(model, inside, source)


def _commented(model: Model, comments: list[Comment], source: Source) -> Model:
    """The model with each comment on the node nearest to it."""
    nodes = [(i, n) for i, n in enumerate(_tree(model.body)) if n.span is not None and not n.fused]
    extra: dict[int, list[str]] = {}
    for comment in comments:
        at = _nearest(comment, nodes, source)
        if at is not None:
            extra.setdefault(at, []).append(comment.text)
    count = iter(range(10**9))

    def put(body: tuple[Statement, ...]) -> tuple[Statement, ...]:
        result: list[Statement] = []
        for statement in body:
            match statement:
                case Node():
                    texts = extra.get(next(count), [])
                    result.append(replace(statement, comments=(*statement.comments, *texts)))
                case Loop():
                    result.append(replace(statement, body=put(statement.body)))
                case Branch():
                    arms = put(statement.body), put(statement.orelse)
                    result.append(replace(statement, body=arms[0], orelse=arms[1]))
                case _:
                    result.append(statement)
        return tuple(result)

    return replace(model, body=put(model.body)) if extra else model


def _tree(body: tuple[Statement, ...]) -> list[Node]:
    found: list[Node] = []
    for statement in body:
        match statement:
            case Node():
                found.append(statement)
            case Loop():
                found += _tree(statement.body)
            case Branch():
                found += [*_tree(statement.body), *_tree(statement.orelse)]
    return found


def _covered(comment: Comment, spans: list[Span], construct: Span, source: Source) -> bool:
    """Whether a comment lies in the region: inside a statement, or between two of its statements."""
    if any(s.start <= comment.start < s.end for s in spans):
        last = spans[-1]
        return not (comment.start >= last.end - 1)
    for first, second in pairwise(spans):
        if first.end <= comment.start < second.start:
            if second.start == construct.start:
                return False  # it stays above the construction
            return only_blank(source.data[first.end : second.start].decode())
    return False


def _nearest(comment: Comment, nodes: list[tuple[int, Node]], source: Source) -> int | None:
    if not nodes:
        return None
    line = source.line_start(comment.start)
    if not comment.own_line:
        same = [i for i, n in nodes if n.span and line <= n.span.start < comment.start]
        ended = [i for i, n in nodes if n.span and line <= n.span.end <= comment.start]
        if same or ended:
            return (same or ended)[-1]
    after = [(n.span.start, i) for i, n in nodes if n.span and n.span.start > comment.start]
    return min(after)[1] if after else nodes[-1][0]
