using ChatCqrs.Domain;
using FluentValidation;
using MediatR;
using Microsoft.Extensions.Options;

namespace ChatCqrs.Application.Media;

/// <summary>
/// Signs addresses of files that the caller may download, good without a token for some minutes: for pages, which
/// cannot send one with an image or a video.
/// </summary>
public static class LinkMedia
{
    /// <summary>The most files of one request.</summary>
    public const int FilesMax = 100;

    /// <summary>The body of <c>POST /v1/media/links</c>.</summary>
    public sealed record Body
    {
        public IReadOnlyList<string?>? FileIds { get; init; }
    }

    /// <param name="Server">This server's address as the caller has it, for the links.</param>
    public sealed record Query(UserId Caller, Uri Server, Body Body) : IRequest<Result>;

    /// <param name="Links">Of those files that the caller may download.</param>
    public sealed record Result(IReadOnlyList<Link> Links);

    /// <param name="Url">
    /// The absolute address on this server or its content delivery network, with <c>Range</c> and <c>ETag</c>.
    /// </param>
    /// <param name="ExpiresAt">
    /// Until when it is good at most. It ends sooner with what allowed the caller the file.
    /// </param>
    public sealed record Link(Guid FileId, string Url, DateTimeOffset ExpiresAt);

    internal sealed class Validator : AbstractValidator<Query>
    {
        public Validator()
        {
            RuleFor(q => q.Body.FileIds).Must(ids => ids is { Count: <= FilesMax })
                .WithMessage($"must be a list of at most {FilesMax} ids.").OverridePropertyName("file_ids");
            RuleFor(q => q.Body.FileIds).Must(ids => ids is null || ids.All(Uuids.IsOne))
                .WithMessage("must be UUIDs.").OverridePropertyName("file_ids");
        }
    }

    internal sealed class Handler(MediaAccess access, MediaLinks links, IOptions<MediaOptions> options)
        : IRequestHandler<Query, Result>
    {
        public async Task<Result> Handle(Query request, CancellationToken cancellationToken)
        {
            var ids = request.Body.FileIds!.Select(id => new FileId(Guid.Parse(id!))).ToHashSet();
            if (ids.Count == 0)
                return new Result([]);
            var server = options.Value.PublicBaseUrl ?? request.Server;
            var made = new List<Link>(ids.Count);
            foreach (var file in await access.OpenAsync(request.Caller, ids, cancellationToken))
            {
                if (await links.SignAsync(server, file, cancellationToken) is { } link)
                    made.Add(new Link(file.File.Id.Value, link.Address.AbsoluteUri, link.ExpiresAt));
            }

            return new Result(made);
        }
    }
}
