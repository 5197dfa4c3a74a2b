using System.Security.Cryptography;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using FluentValidation;
using MediatR;
using Microsoft.Extensions.Options;

namespace ChatCqrs.Application.Auditing.Exports;

/// <summary>
/// Makes an export: each conversation's files, one after the other, then the archive. It may be killed anywhere: the
/// next run, on any node, keeps the files of conversations that were finished. One run of an export at a time.
/// </summary>
public static class RunExport
{
    /// <summary>Runs of an export before it fails.</summary>
    public const int RunsMax = 20;

    /// <param name="Scratch">A folder of this node, which exists and is the run's alone.</param>
    public sealed record Command(Guid Export, string Scratch) : IRequest<Unit>;

    internal sealed class Validator : AbstractValidator<Command>;

    internal sealed class Handler(
        IAuditExports exports, IEventStore log, IMatters matters, IAccessLog accesses, ExportFiles files,
        ConversationExport conversations, ExportArchive archive, IOptions<AuditOptions> options, TimeProvider clock)
        : IRequestHandler<Command, Unit>
    {
        private static readonly TimeSpan ProgressEvery = TimeSpan.FromSeconds(1);

        public async Task<Unit> Handle(Command request, CancellationToken cancellationToken)
        {
            if (await exports.BeginAsync(request.Export, cancellationToken) is not { } run)
                return Unit.Value;
            var export = (await exports.FindAsync(request.Export, cancellationToken))!;
            if (run > RunsMax)
            {
                await FailAsync(export, cancellationToken);
                return Unit.Value;
            }

            try
            {
                await files.DeleteAsync(export.Id, file => !file.IsKept, cancellationToken);
                await WriteConversationsAsync(export, request.Scratch, cancellationToken);
                await FinishAsync(export, request.Scratch, cancellationToken);
            }
            catch (RefusedException) // The matter has ended, or a conversation is gone.
            {
                await FailAsync(export, cancellationToken);
            }

            return Unit.Value;
        }

        private async Task WriteConversationsAsync(
            AuditExport export, string scratch, CancellationToken cancellationToken)
        {
            var kept = (await exports.FilesAsync(export.Id, cancellationToken)).ToLookup(ConversationOf);
            var total = 0L;
            foreach (var conversation in export.Conversations)
                total += kept[conversation].FirstOrDefault()?.Events ?? await LengthAsync(conversation);
            var progress = new Progress(exports, clock, export.Id, total);
            await progress.AddAsync(0, cancellationToken);
            foreach (var conversation in export.Conversations)
            {
                if (kept[conversation].FirstOrDefault() is { } finished)
                    await progress.AddAsync(finished.Events, cancellationToken);
                else
                    await WriteAsync(export, conversation, scratch, progress, cancellationToken);
            }

            async Task<long> LengthAsync(ConversationId conversation) => await log.ReadStreamAsync(
                StreamName.Of(conversation), long.MaxValue, ReadDirection.Backwards, 1, cancellationToken)
                is [var last] ? last.Revision + 1 : 0;
        }

        /// <summary>The access is recorded before anything is opened, and what was written after it.</summary>
        private async Task WriteAsync(
            AuditExport export, ConversationId conversation, string scratch, Progress progress,
            CancellationToken cancellationToken)
        {
            var matter = export.Matter is { } id
                ? await matters.OpenAsync(id, conversation, export.Auditor, cancellationToken)
                : null;
            var access = await accesses.RecordAsync(
                new AuditAccess(
                    export.Auditor, export.Device, "export", conversation, export.Matter, ScopeOf(export),
                    matter?.Content ?? false),
                cancellationToken);
            var folder = Path.Combine(scratch, conversation.ToString());
            Directory.CreateDirectory(folder);
            var written = await conversations.WriteAsync(
                export, conversation, matter, folder, progress.AddAsync, cancellationToken);
            await using (var events = File.OpenRead(Path.Combine(folder, ConversationExport.EventsFile)))
            {
                await accesses.DeliveredAsync(
                    access, written, await SHA256.HashDataAsync(events, cancellationToken), cancellationToken);
            }

            await files.KeepAsync(
                export.Id,
                Directory.EnumerateFiles(folder)
                    .Select(path => ($"conversations/{conversation}/{Path.GetFileName(path)}", path)),
                written, cancellationToken);
            Directory.Delete(folder, recursive: true);
        }

        private async Task FinishAsync(AuditExport export, string scratch, CancellationToken cancellationToken)
        {
            var path = Path.Combine(scratch, "export.zip");
            await files.DeleteAsync(export.Id, file => file.Name.Length == 0, cancellationToken); // Of a killed run.
            await archive.WriteAsync(export, path, cancellationToken);
            await files.KeepAsync(export.Id, [("", path)], 0, cancellationToken);
            await exports.EndAsync(
                export.Id, ExportStatus.Done, new FileInfo(path).Length, clock.GetUtcNow() + options.Value.ExportsKept,
                cancellationToken);
            await files.DeleteAsync(export.Id, file => file.Name.Length > 0, cancellationToken);
        }

        private async Task FailAsync(AuditExport export, CancellationToken cancellationToken)
        {
            await files.DeleteAsync(export.Id, _ => true, cancellationToken);
            await exports.EndAsync(
                export.Id, ExportStatus.Failed, null, clock.GetUtcNow() + options.Value.ExportsKept, cancellationToken);
        }

        private static ConversationId ConversationOf(ExportFile file) =>
            file.Name.Split('/') is [_, var id, _] ? new ConversationId(Guid.Parse(id)) : default;

        private static string? ScopeOf(AuditExport export) =>
            export.From is null && export.To is null ? null : $"from={export.From:O}&to={export.To:O}";

        /// <summary>Events that are written, noted once a second.</summary>
        private sealed class Progress(IAuditExports exports, TimeProvider clock, Guid export, long total)
        {
            private long _done;
            private DateTimeOffset _noted;

            public async Task AddAsync(long events, CancellationToken cancellationToken)
            {
                _done += events;
                var now = clock.GetUtcNow();
                if (now - _noted < ProgressEvery)
                    return;
                _noted = now;
                await exports.ProgressAsync(export, _done, Math.Max(total, _done), now, cancellationToken);
            }
        }
    }
}
