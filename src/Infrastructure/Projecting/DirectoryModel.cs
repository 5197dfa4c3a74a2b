using ChatCqrs.Domain;
using ChatCqrs.Projections.Directory;

namespace ChatCqrs.Infrastructure.Projecting;

/// <summary>Who has an account: documents.</summary>
internal sealed class DirectoryModel : IReadModel
{
    public string Name => "directory";
    public IReadOnlyList<string> Tables { get; } = ["mt_doc_users"];

    public Task ApplyAsync(IReadOnlyList<Recorded> facts, ReadModelSession session, CancellationToken cancellationToken) =>
        DocumentFold<UserId, UserView, UsersProjection>.ApplyAsync(facts, session, view => view.Id, cancellationToken);
}
