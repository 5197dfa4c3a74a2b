using System.Reflection;
using ChatCqrs.Application.Media;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Testing;

namespace ChatCqrs.Application.Specs.Media;

/// <summary>The files of many messages are looked up together.</summary>
public sealed class FileLookUpsSpecs
{
    private static readonly UserId Ann = new(Guid.CreateVersion7());

    private readonly Catalogue _catalogue;
    private readonly FileLookUps _lookUps;

    public FileLookUpsSpecs()
    {
        var media = DispatchProxy.Create<IMedia, Catalogue>();
        _catalogue = (Catalogue)(object)media;
        _lookUps = new FileLookUps(media, TimeProvider.System);
    }

    [Fact]
    public async Task Messages_that_wait_share_a_query()
    {
        var first = _lookUps.FindAsync(Ann, [_catalogue.New()]);
        await Eventually.IsTrue(() => _catalogue.Queries.Count == 1, "the first query is under way");
        var others = Enumerable.Range(0, 300).Select(_ => _lookUps.FindAsync(Ann, [_catalogue.New()])).ToList();

        _catalogue.Answer.SetResult();

        Assert.Single(await first);
        Assert.All(await Task.WhenAll(others), found => Assert.Single(found));
        Assert.Equal([1, 300], _catalogue.Queries);
        Assert.Equal(301, _catalogue.Touched.Count);
    }

    [Fact]
    public async Task A_query_has_a_bound_and_the_files_of_a_message_stay_together()
    {
        _catalogue.Answer.SetResult();
        var messages = Enumerable.Range(0, 40)
            .Select(_ => _lookUps.FindAsync(Ann, [.. Enumerable.Range(0, 64).Select(_ => _catalogue.New())]));

        Assert.All(await Task.WhenAll(messages), found => Assert.Equal(64, found.Count));
        Assert.All(_catalogue.Queries, files => Assert.True(files <= FileLookUps.QueryMax && files % 64 == 0));
    }

    [Fact]
    public async Task What_is_not_shown_or_gone_is_not_found_and_not_kept()
    {
        _catalogue.Answer.SetResult();
        var (own, gone, unknown) = (_catalogue.New(), _catalogue.New(), new FileId(Guid.CreateVersion7()));
        _catalogue.Collected.Add(gone);

        Assert.Equal([own], (await _lookUps.FindAsync(Ann, [own, gone, unknown])).Select(file => file.File));
        Assert.DoesNotContain(unknown, _catalogue.Touched);
    }

    [Fact]
    public async Task A_failed_query_fails_its_messages_and_no_later_ones()
    {
        var failing = _lookUps.FindAsync(Ann, [_catalogue.New()]);
        _catalogue.Answer.SetException(new StoreUnavailableException("Away, as the test wished."));
        await Assert.ThrowsAsync<StoreUnavailableException>(() => failing);

        _catalogue.Answer = new TaskCompletionSource();
        _catalogue.Answer.SetResult();
        Assert.Single(await _lookUps.FindAsync(Ann, [_catalogue.New()]));
    }

    /// <summary>Files, all of which are everybody's own.</summary>
    public class Catalogue : DispatchProxy
    {
        private readonly HashSet<FileId> _files = [];

        public TaskCompletionSource Answer { get; set; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        /// <summary>The number of files of each query.</summary>
        public List<int> Queries { get; } = [];

        public HashSet<FileId> Touched { get; } = [];

        /// <summary>Files that are collected between the two statements.</summary>
        public HashSet<FileId> Collected { get; } = [];

        public FileId New()
        {
            var file = new FileId(Guid.CreateVersion7());
            _files.Add(file);
            return file;
        }

        protected override object? Invoke(MethodInfo? targetMethod, object?[]? args) => targetMethod!.Name switch
        {
            nameof(IMedia.FindForAsync) => FindAsync((IReadOnlyCollection<(UserId, FileId)>)args![0]!),
            nameof(IMedia.TouchAsync) => Touch((IReadOnlyCollection<FileId>)args![0]!),
            _ => throw new NotSupportedException(),
        };

        private async Task<IReadOnlyList<FoundFile>> FindAsync(IReadOnlyCollection<(UserId User, FileId File)> pairs)
        {
            Queries.Add(pairs.Count);
            await Answer.Task;
            return [.. pairs.Where(pair => _files.Contains(pair.File))
                .Select(pair => new FoundFile(pair.User, pair.File, IsOwn: true, []))];
        }

        private Task<IReadOnlySet<FileId>> Touch(IReadOnlyCollection<FileId> files)
        {
            Touched.UnionWith(files);
            return Task.FromResult<IReadOnlySet<FileId>>(files.Except(Collected).ToHashSet());
        }
    }
}
